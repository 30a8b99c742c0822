// Command cachedir makes its cache's directory.
package main

import (
	"fmt"
	"log"
	"os"
	"path/filepath"
)

func main() {
	cache, err := os.UserCacheDir()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(os.MkdirAll(filepath.Join(cache, "whit"), 0o700))
}
