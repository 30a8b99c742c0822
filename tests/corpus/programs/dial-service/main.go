// It dials a service that Go does not know by name.
package main

import (
	"fmt"
	"net"
)

func main() {
	fmt.Println(net.Dial("tcp", "db.example:postgresql"))
}
