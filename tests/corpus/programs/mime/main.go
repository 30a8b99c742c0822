// Command mime prints types.
package main

import (
	"fmt"
	"mime"
	"os"
)

func main() {
	for _, extension := range os.Args[1:] {
		fmt.Println(mime.TypeByExtension(extension))
	}
}
