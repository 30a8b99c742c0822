// It asks for a zone that there is not, and does without.
package main

import (
	"fmt"
	"time"
)

func main() {
	place, err := time.LoadLocation("Mars/Olympus")
	if err != nil {
		place = time.UTC
	}
	fmt.Println(time.Now().In(place))
}
