// An HTTP client behind an interface.
package main

import (
	"fmt"
	"net/http"
	"os"
)

type doer interface {
	Do(*http.Request) (*http.Response, error)
}

type fake struct{}

func (fake) Do(*http.Request) (*http.Response, error) { return nil, nil }

func main() {
	var c doer = http.DefaultClient
	if len(os.Args) > 2 {
		c = fake{}
	}
	req, _ := http.NewRequest("GET", os.Args[1], nil)
	fmt.Println(c.Do(req))
}
