// archive/tar asks for names of users and does without them.
package main

import (
	"archive/tar"
	"fmt"
	"os"
)

func main() {
	info, err := os.Stat(os.Args[1])
	if err != nil {
		panic(err)
	}
	fmt.Println(tar.FileInfoHeader(info, ""))
}
