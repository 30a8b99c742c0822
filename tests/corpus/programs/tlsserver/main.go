// A TLS server has its own certificate and verifies nobody.
package main

import (
	"log"
	"net/http"
	"os"
)

func main() {
	log.Fatal(http.ListenAndServeTLS(":8443", os.Args[1], os.Args[2], http.NotFoundHandler()))
}
