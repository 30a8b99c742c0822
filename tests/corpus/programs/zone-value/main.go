// Command zone-value hands the loader over to somebody else.
package main

import (
	"fmt"
	"os"
	"time"
)

type loader func(string) (*time.Location, error)

//go:noinline
func show(names []string, load loader) {
	for _, name := range names {
		place, err := load(name)
		fmt.Println(place, err)
	}
}

func main() {
	home, err := time.LoadLocation("Europe/Rome")
	fmt.Println(home, err)
	show(os.Args[1:], time.LoadLocation)
}
