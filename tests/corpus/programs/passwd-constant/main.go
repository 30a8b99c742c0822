// It reads the list of users by itself.
package main

import (
	"fmt"
	"os"
)

func main() {
	users, err := os.ReadFile("/etc/passwd")
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(len(users))
}
