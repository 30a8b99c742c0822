// A constant stands near the call, and is not what it is given.
package main

import (
	"fmt"
	"os"
	"time"
)

type settings struct{ name, zone string }

func main() {
	fmt.Println(load(&settings{zone: os.Args[1]}))
}

//go:noinline
func load(s *settings) (*time.Location, error) {
	s.name = "Europe/Rome"
	return time.LoadLocation(s.zone)
}
