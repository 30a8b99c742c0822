// Command user-lookup prints a user's number.
package main

import (
	"fmt"
	"log"
	"os"
	"os/user"
)

func main() {
	found, err := user.Lookup(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(found.Uid)
}
