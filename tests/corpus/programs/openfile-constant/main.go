// Command openfile-constant prints its settings.
package main

import (
	"log"
	"os"
)

func main() {
	settings, err := os.ReadFile("/etc/app/config.json")
	if err != nil {
		log.Fatal(err)
	}
	_, _ = os.Stdout.Write(settings)
}
