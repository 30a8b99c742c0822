// It makes a temporary directory.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Println(os.MkdirTemp("", "x"))
}
