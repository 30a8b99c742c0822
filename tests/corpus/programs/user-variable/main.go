// Command user-variable can be told who it is by its tests.
package main

import (
	"fmt"
	"log"
	"os/user"
)

var current = user.Current

func main() {
	me, err := current()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(me.Username)
}
