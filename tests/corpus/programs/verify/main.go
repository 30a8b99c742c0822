// Command verify checks a certificate on stdin.
package main

import (
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"os"
)

func main() {
	der, err := io.ReadAll(os.Stdin)
	if err != nil {
		log.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		log.Fatal(err)
	}
	_, err = certificate.Verify(x509.VerifyOptions{DNSName: "example.com"})
	fmt.Println(err)
}
