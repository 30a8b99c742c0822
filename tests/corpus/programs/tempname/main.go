// It asks where temporary files go.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Println(os.TempDir())
}
