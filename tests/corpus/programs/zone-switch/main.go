// A switch that the compiler turns into a jump table chooses the zone.
package main

import (
	"fmt"
	"os"
	"time"
)

func main() {
	zone := "Europe/Rome"
	switch len(os.Args) {
	case 2:
		zone = os.Args[1]
	case 3:
		zone = os.Args[2]
	case 4:
	case 5:
		zone = "Asia/Tokyo"
	case 6:
		zone = os.Args[4]
	case 7:
	case 8:
		zone = "Asia/Seoul"
	case 9:
		zone = os.Args[5]
	case 10:
		zone = "Africa/Cairo"
	}
	fmt.Println(time.LoadLocation(zone))
}
