// It reads one zone's file by itself.
package main

import (
	"fmt"
	"os"
	"time"
)

func main() {
	data, err := os.ReadFile("/usr/share/zoneinfo/Europe/Rome")
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(time.LoadLocationFromTZData("Rome", data))
}
