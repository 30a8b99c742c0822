// Command openfile-dynamic is cat.
package main

import (
	"io"
	"log"
	"os"
)

func main() {
	for _, path := range os.Args[1:] {
		file, err := os.Open(path)
		if err != nil {
			log.Fatal(err)
		}
		_, _ = io.Copy(os.Stdout, file)
		_ = file.Close()
	}
}
