// Command tempfile keeps stdin for a moment.
package main

import (
	"fmt"
	"io"
	"log"
	"os"
)

func main() {
	file, err := os.CreateTemp("", "whit-*")
	if err != nil {
		log.Fatal(err)
	}
	size, err := io.Copy(file, os.Stdin)
	fmt.Println(file.Name(), size, err)
}
