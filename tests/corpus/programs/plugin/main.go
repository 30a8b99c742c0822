// Command plugin loads what it is given.
package main

import (
	"fmt"
	"os"
	"plugin"
)

func main() {
	loaded, err := plugin.Open(os.Args[1])
	fmt.Println(loaded, err)
}
