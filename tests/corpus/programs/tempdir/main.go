// Command tempdir works in a directory under $TMPDIR.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	fmt.Println(os.Mkdir(filepath.Join(os.TempDir(), "work"), 0o700))
}
