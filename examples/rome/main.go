// Command rome fetches a page and tells the time in Rome.
package main

import (
	"fmt"
	"net/http"
	"time"
)

func main() {
	rome, err := time.LoadLocation("Europe/Rome")
	if err != nil {
		panic(err)
	}
	answer, err := http.Get("https://example.com")
	fmt.Println(time.Now().In(rome), answer, err)
}
