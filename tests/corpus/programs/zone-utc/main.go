// Command zone-utc loads the zone that Go has built in.
package main

import (
	"fmt"
	"time"
)

func main() {
	utc, err := time.LoadLocation("UTC")
	fmt.Println(time.Now().In(utc), err)
}
