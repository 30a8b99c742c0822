// A zone that only the user knows.
package main

import (
	"fmt"
	"os"
	"time"
)

func main() {
	fmt.Println(time.LoadLocation(os.Args[1]))
}
