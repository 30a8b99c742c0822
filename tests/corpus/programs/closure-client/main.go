// Command closure-client fetches all its arguments at once.
package main

import (
	"fmt"
	"net/http"
	"os"
	"sync"
)

func main() {
	var all sync.WaitGroup
	for _, address := range os.Args[1:] {
		all.Add(1)
		go func(address string) {
			defer all.Done()
			answer, err := http.Get(address)
			if err == nil {
				fmt.Println(address, answer.StatusCode)
				_ = answer.Body.Close()
			}
		}(address)
	}
	all.Wait()
}
