// It asks for HOME by itself, through a function of its own, and makes a directory there.
package main

import (
	"fmt"
	"os"
)

func variable(name, other string) string {
	if value, ok := os.LookupEnv(name); ok {
		return value
	}
	return other
}

func main() {
	if err := os.MkdirAll(variable("HOME", "")+"/.myapp", 0o700); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}
