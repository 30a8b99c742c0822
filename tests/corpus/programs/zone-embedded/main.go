// It carries all zones.
package main

import (
	"fmt"
	"os"
	"time"
	_ "time/tzdata"
)

func main() {
	fmt.Println(time.LoadLocation(os.Args[1]))
}
