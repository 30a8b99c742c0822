// It opens plugins, which a static program cannot: told loudly.
package main

import (
	"fmt"
	"os"
	"plugin"
)

func main() {
	fmt.Println(plugin.Open(os.Args[1]))
}
