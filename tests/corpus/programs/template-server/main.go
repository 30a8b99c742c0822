// Templates switch dead code elimination off; the server still dials nobody.
package main

import (
	"html/template"
	"log"
	"net/http"
)

func main() {
	page := template.Must(template.New("x").Parse("{{.Method}} {{.URL.String}}"))
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { page.Execute(w, r) })
	log.Fatal(http.ListenAndServe(":8080", nil))
}
