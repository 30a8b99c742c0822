// It writes to /tmp by name: nothing of Go's says so.
package main

import (
	"fmt"
	"net"
	"os"
)

func main() {
	if err := os.WriteFile("/tmp/app.lock", []byte("1"), 0o600); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	listener, err := net.Listen("unix", "/tmp/app.sock")
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	listener.Close()
}
