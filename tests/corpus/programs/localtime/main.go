// Local time is UTC where nobody says otherwise.
package main

import (
	"fmt"
	"time"
)

func main() {
	fmt.Println(time.Now().Local().Zone())
}
