// It looks a user up.
package main

import (
	"fmt"
	"os"
	"os/user"
)

func main() {
	fmt.Println(user.Lookup(os.Args[1]))
}
