// A package variable holds the function, and is called through.
package main

import (
	"fmt"
	"os"
	"os/user"
)

var current = user.Current

func main() {
	if len(os.Args) > 1 {
		current = nil
	}
	fmt.Println(current())
}
