// One zone, named in the program.
package main

import (
	"fmt"
	"time"
)

func main() {
	zone, err := time.LoadLocation("Europe/Rome")
	if err != nil {
		panic(err)
	}
	fmt.Println(time.Now().In(zone))
}
