// It looks a service up.
package main

import (
	"fmt"
	"net"
	"os"
)

func main() {
	fmt.Println(net.LookupPort("tcp", os.Args[1]))
}
