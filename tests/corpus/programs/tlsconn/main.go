// A TLS client over a connection of its own: only the call tells it from a server.
package main

import (
	"crypto/tls"
	"fmt"
	"net"
	"os"
)

func main() {
	raw, err := net.Dial("tcp", os.Args[1])
	if err != nil {
		panic(err)
	}
	fmt.Println(tls.Client(raw, &tls.Config{ServerName: os.Args[2]}).Handshake())
}
