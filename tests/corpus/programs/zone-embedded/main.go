// Command zone-embedded needs no zone files.
package main

import (
	"fmt"
	"os"
	"time"
	_ "time/tzdata"
)

func main() {
	place, err := time.LoadLocation(os.Args[1])
	fmt.Println(place, err)
}
