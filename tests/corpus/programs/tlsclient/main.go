// Command tlsclient shakes hands.
package main

import (
	"crypto/tls"
	"fmt"
	"log"
	"os"
)

func main() {
	conn, err := tls.Dial("tcp", os.Args[1], nil)
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	fmt.Println(conn.ConnectionState().Version)
}
