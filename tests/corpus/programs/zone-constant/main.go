// Command zone-constant says what time it is in Rome.
package main

import (
	"fmt"
	"log"
	"time"
)

func main() {
	rome, err := time.LoadLocation("Europe/Rome")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(time.Now().In(rome).Format(time.Kitchen))
}
