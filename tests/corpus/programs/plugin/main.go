// A static program cannot open plugins.
package main

import (
	"fmt"
	"os"
	"plugin"
)

func main() {
	fmt.Println(plugin.Open(os.Args[1]))
}
