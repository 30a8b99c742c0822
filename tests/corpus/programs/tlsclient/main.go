// A TLS client verifies the other side.
package main

import (
	"crypto/tls"
	"fmt"
	"os"
)

func main() {
	conn, err := tls.Dial("tcp", os.Args[1], nil)
	if err != nil {
		panic(err)
	}
	fmt.Println(conn.ConnectionState().Version)
}
