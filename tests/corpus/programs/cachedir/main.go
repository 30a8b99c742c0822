// It asks for the cache directory.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Println(os.UserCacheDir())
}
