// Command dial-service knocks on a database's door.
package main

import (
	"fmt"
	"net"
)

func main() {
	conn, err := net.Dial("tcp", "db.example:postgresql")
	fmt.Println(conn, err)
}
