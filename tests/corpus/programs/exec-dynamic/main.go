// Command exec-dynamic is a very small init.
package main

import (
	"log"
	"os"
	"os/exec"
)

func main() {
	child := exec.Command(os.Args[1], os.Args[2:]...)
	child.Stdout, child.Stderr = os.Stdout, os.Stderr
	if err := child.Run(); err != nil {
		log.Fatal(err)
	}
}
