// Command fileserver serves a directory.
package main

import (
	"log"
	"net/http"
)

func main() {
	http.Handle("/", http.FileServer(http.Dir("/srv")))
	log.Fatal(http.ListenAndServe(":8080", nil))
}
