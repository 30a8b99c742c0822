// A client that only a goroutine's closure uses.
package main

import (
	"fmt"
	"net/http"
	"os"
)

func main() {
	done := make(chan string)
	for _, url := range os.Args[1:] {
		go func(url string) {
			r, err := http.Get(url)
			if err != nil {
				done <- err.Error()
				return
			}
			done <- r.Status
		}(url)
	}
	fmt.Println(<-done)
}
