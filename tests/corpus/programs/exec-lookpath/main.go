// Command exec-lookpath hands itself over to a pager.
package main

import (
	"log"
	"os"
	"os/exec"
	"syscall"
)

func main() {
	pager, err := exec.LookPath("less")
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(syscall.Exec(pager, []string{"less"}, os.Environ()))
}
