// It dials a port by number.
package main

import (
	"fmt"
	"net"
)

func main() {
	fmt.Println(net.Dial("tcp", "db.example:5432"))
}
