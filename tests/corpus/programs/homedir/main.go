// Command homedir prints where its settings would be.
package main

import (
	"fmt"
	"log"
	"os"
	"path/filepath"
)

func main() {
	home, err := os.UserHomeDir()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(filepath.Join(home, ".whitrc"))
}
