// It sets roots of its own, which a program may also do on a branch only: the files stay.
package main

import (
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
)

func main() {
	x509.SetFallbackRoots(x509.NewCertPool())
	fmt.Println(http.Get(os.Args[1]))
}
