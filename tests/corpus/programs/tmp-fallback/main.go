// It falls back to /tmp when TMPDIR is not set, and uses /var/tmp through a variable.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

var cache = "/var/tmp"

func main() {
	place := os.Getenv("TMPDIR")
	if place == "" {
		place = "/tmp"
	}
	for _, directory := range []string{place, cache} {
		file, err := os.OpenFile(filepath.Join(directory, "state"), os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		file.Close()
	}
}
