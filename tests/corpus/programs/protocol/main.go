// It dials an IP protocol that Go does not know by name.
package main

import (
	"fmt"
	"net"
)

func main() {
	fmt.Println(net.Dial("ip4:gre", "192.0.2.1"))
}
