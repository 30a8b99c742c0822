// Uploads that are too large for memory go to a temporary file.
package main

import (
	"fmt"
	"log"
	"net/http"
)

func main() {
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		file, header, err := r.FormFile("file")
		fmt.Fprintln(w, file != nil, header, err)
	})
	log.Fatal(http.ListenAndServe(":8080", nil))
}
