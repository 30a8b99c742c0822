// It asks for the system roots by name.
package main

import (
	"crypto/x509"
	"fmt"
)

func main() {
	pool, err := x509.SystemCertPool()
	fmt.Println(pool != nil, err)
}
