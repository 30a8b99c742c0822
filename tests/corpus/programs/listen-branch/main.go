// An argument may replace the address it listens on by default.
package main

import (
	"log"
	"net/http"
	"os"
)

func main() {
	address := ":8088"
	if len(os.Args) > 1 {
		address = os.Args[1]
	}
	log.Fatal(http.ListenAndServe(address, nil))
}
