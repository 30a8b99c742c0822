// Command exec-constant runs two programs.
package main

import (
	"fmt"
	"os/exec"
)

func main() {
	version, err := exec.Command("git", "version").Output()
	fmt.Println(string(version), err)
	fmt.Println(exec.Command("sh", "-c", "true").Run())
}
