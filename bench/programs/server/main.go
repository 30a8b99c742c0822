// Server answers every request with a line of text: the least that net/http brings along.
package main

import (
	"fmt"
	"log"
	"net/http"
)

func main() {
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "hello", r.URL.Path)
	})
	log.Fatal(http.ListenAndServe(":8080", nil))
}
