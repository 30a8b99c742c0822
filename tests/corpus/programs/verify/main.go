// It verifies a certificate against the system roots by itself.
package main

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
)

func main() {
	raw, _ := os.ReadFile(os.Args[1])
	block, _ := pem.Decode(raw)
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		panic(err)
	}
	fmt.Println(cert.Verify(x509.VerifyOptions{DNSName: os.Args[2]}))
}
