// Command user-current prints its user's name.
package main

import (
	"fmt"
	"log"
	"os/user"
)

func main() {
	me, err := user.Current()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(me.Username)
}
