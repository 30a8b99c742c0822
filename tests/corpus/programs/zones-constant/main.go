// Two zones, named in the program, and UTC, which needs nothing.
package main

import (
	"fmt"
	"time"
)

//go:noinline
func rome() (*time.Location, error) { return time.LoadLocation("Europe/Rome") }

//go:noinline
func york() (*time.Location, error) { return time.LoadLocation("America/New_York") }

//go:noinline
func utc() (*time.Location, error) { return time.LoadLocation("UTC") }

func main() {
	for _, load := range []func() (*time.Location, error){rome, york, utc} {
		fmt.Println(load())
	}
}
