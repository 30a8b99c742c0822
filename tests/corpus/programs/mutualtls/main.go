// Command mutualtls asks clients for a certificate that the system trusts.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"log"
	"net/http"
	"os"
)

func main() {
	pool, err := x509.SystemCertPool()
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{
		Addr:      ":8443",
		TLSConfig: &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool},
	}
	log.Fatal(server.ListenAndServeTLS(os.Args[1], os.Args[2]))
}
