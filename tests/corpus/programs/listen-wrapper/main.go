// A function of the program hands the address on.
package main

import (
	"log"
	"net/http"
)

type app struct{ mux *http.ServeMux }

//go:noinline
func (a *app) run(address ...string) error {
	return a.serve(address[0])
}

//go:noinline
func (a *app) serve(address string) error {
	server := &http.Server{Addr: address, Handler: a.mux}
	return server.ListenAndServe()
}

func main() {
	log.Fatal((&app{http.NewServeMux()}).run(":8083"))
}
