// It opens a file by a name it holds.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Println(os.ReadFile("/etc/app/config.json"))
}
