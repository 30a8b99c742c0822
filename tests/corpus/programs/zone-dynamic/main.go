// Command zone-dynamic says what time it is anywhere.
package main

import (
	"fmt"
	"log"
	"os"
	"time"
)

func main() {
	place, err := time.LoadLocation(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(time.Now().In(place))
}
