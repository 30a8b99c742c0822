// Command template-server renders a page.
package main

import (
	"html/template"
	"log"
	"net/http"
)

var page = template.Must(template.New("page").Parse("<p>hello {{.Name}}</p>\n"))

type visitor struct{ Name string }

func main() {
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if err := page.Execute(w, visitor{Name: r.URL.Path}); err != nil {
			log.Print(err)
		}
	})
	log.Fatal(http.ListenAndServe(":8080", nil))
}
