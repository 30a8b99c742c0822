// It hands CA roots on, from a list of places.
package main

import (
	"fmt"
	"os"
)

var places = []string{"/etc/ssl/cert.pem", "/etc/pki/tls/certs/ca-bundle.crt"}

func main() {
	for _, place := range places {
		if _, err := os.ReadFile(place); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
}
