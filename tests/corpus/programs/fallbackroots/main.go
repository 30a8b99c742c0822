// Command fallbackroots brings the roots it trusts.
package main

import (
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
)

func main() {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(os.Getenv("ROOTS")))
	x509.SetFallbackRoots(pool)
	answer, err := http.Get(os.Args[1])
	fmt.Println(answer, err)
}
