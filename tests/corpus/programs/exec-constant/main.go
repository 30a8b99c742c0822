// It runs git and sh.
package main

import (
	"fmt"
	"os/exec"
)

func main() {
	fmt.Println(exec.Command("git", "version").Output())
	fmt.Println(exec.Command("sh", "-c", "true").Run())
}
