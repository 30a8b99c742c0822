// Command localtime names the zone it runs in.
package main

import (
	"fmt"
	"time"
)

func main() {
	name, offset := time.Now().Local().Zone()
	fmt.Println(name, offset)
}
