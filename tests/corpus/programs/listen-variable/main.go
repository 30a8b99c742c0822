// A package variable is the server.
package main

import (
	"log"
	"net/http"
)

var server = http.Server{Addr: ":8087"}

func main() {
	log.Fatal(server.ListenAndServe())
}
