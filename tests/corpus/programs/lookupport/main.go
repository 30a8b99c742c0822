// Command lookupport prints a service's port.
package main

import (
	"fmt"
	"log"
	"net"
	"os"
)

func main() {
	port, err := net.LookupPort("tcp", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(port)
}
