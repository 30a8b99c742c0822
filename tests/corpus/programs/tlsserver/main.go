// Command tlsserver serves HTTPS with a key pair from files.
package main

import (
	"log"
	"net/http"
	"os"
)

func main() {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte("secret\n"))
	})
	log.Fatal(http.ListenAndServeTLS(":8443", os.Args[1], os.Args[2], handler))
}
