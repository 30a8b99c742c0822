// Three zones named one after the other, one of them in a function that is inlined.
package main

import (
	"fmt"
	"time"
)

func must(place *time.Location, err error) *time.Location {
	if err != nil {
		panic(err)
	}
	return place
}

func london() (*time.Location, error) { return time.LoadLocation("Europe/London") }

func main() {
	now := time.Now()
	fmt.Println(now.In(must(time.LoadLocation("America/New_York"))))
	fmt.Println(now.In(must(time.LoadLocation("Asia/Tokyo"))))
	fmt.Println(now.In(must(london())))
}
