// Hello needs nothing but itself.
package main

import (
	"fmt"
)

func main() {
	fmt.Println("hello")
}
