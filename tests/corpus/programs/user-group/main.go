// Command user-group prints a group's name.
package main

import (
	"fmt"
	"log"
	"os"
	"os/user"
)

func main() {
	found, err := user.LookupGroupId(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(found.Name)
}
