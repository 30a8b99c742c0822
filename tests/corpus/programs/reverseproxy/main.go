// Command reverseproxy forwards everything.
package main

import (
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
)

func main() {
	to, err := url.Parse(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.ListenAndServe(":8000", httputil.NewSingleHostReverseProxy(to)))
}
