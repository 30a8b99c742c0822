// Addresses that it dials, prints, or is reached at by nobody outside are no ports of its own.
package main

import (
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
)

func main() {
	fmt.Println(":7777", strings.Contains(os.Args[1], ":7778"))
	fmt.Println(net.Dial("tcp", "db.example:7779"))
	fmt.Println(http.Get("http://example.com:7780"))
	go func() { log.Println(http.ListenAndServe("localhost:6060", nil)) }()
	log.Fatal(http.ListenAndServe(os.Args[2], nil))
}
