// Command tarwriter packs one file.
package main

import (
	"archive/tar"
	"io"
	"log"
	"os"
)

func main() {
	file, err := os.Open(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	info, err := file.Stat()
	if err != nil {
		log.Fatal(err)
	}
	header, err := tar.FileInfoHeader(info, "")
	if err != nil {
		log.Fatal(err)
	}
	packed := tar.NewWriter(os.Stdout)
	_ = packed.WriteHeader(header)
	_, _ = io.Copy(packed, file)
	_ = packed.Close()
}
