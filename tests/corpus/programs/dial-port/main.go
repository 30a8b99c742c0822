// Command dial-port knocks on a door by number.
package main

import (
	"fmt"
	"net"
)

func main() {
	conn, err := net.Dial("tcp", "db.example:5432")
	fmt.Println(conn, err)
}
