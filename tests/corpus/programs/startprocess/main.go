// It starts a process by itself.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Println(os.StartProcess("/bin/true", []string{"true"}, &os.ProcAttr{}))
}
