// It looks a group up.
package main

import (
	"fmt"
	"os"
	"os/user"
)

func main() {
	fmt.Println(user.LookupGroup(os.Args[1]))
}
