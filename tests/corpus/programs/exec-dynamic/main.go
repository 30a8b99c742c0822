// It runs what the user names.
package main

import (
	"fmt"
	"os"
	"os/exec"
)

func main() {
	fmt.Println(exec.Command(os.Args[1]).Run())
}
