// Command tlsupgrade starts TLS on an open connection.
package main

import (
	"crypto/tls"
	"fmt"
	"log"
	"net"
	"os"
)

func main() {
	plain, err := net.Dial("tcp", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	secure := tls.Client(plain, &tls.Config{ServerName: "db.example"})
	fmt.Println(secure.Handshake())
}
