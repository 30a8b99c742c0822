// It sets its own local time.
package main

import (
	"fmt"
	"os"
	"time"
)

func init() { os.Setenv("TZ", "Europe/Rome") }

func main() {
	if name, _ := time.Date(2026, 1, 1, 0, 0, 0, 0, time.Local).Zone(); name != "CET" {
		fmt.Println(name)
		os.Exit(1)
	}
}
