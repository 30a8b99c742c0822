// Command protocols speaks GRE.
package main

import (
	"fmt"
	"net"
	"os"
)

func main() {
	conn, err := net.Dial("ip4:gre", os.Args[1])
	fmt.Println(conn, err)
}
