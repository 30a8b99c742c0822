// One zone by default, and another on a branch.
package main

import (
	"fmt"
	"os"
	"time"
)

func main() {
	zone := "Europe/Rome"
	if len(os.Args) > 1 {
		zone = os.Args[1]
	}
	fmt.Println(time.LoadLocation(zone))
}
