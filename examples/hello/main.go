// Hello says hello, and needs nothing but itself.
package main

import "fmt"

func main() {
	fmt.Println("hello from an image that holds one file")
}
