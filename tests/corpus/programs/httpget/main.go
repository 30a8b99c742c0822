// An HTTP client may be sent to https.
package main

import (
	"fmt"
	"net/http"
	"os"
)

func main() {
	r, err := http.Get(os.Args[1])
	if err != nil {
		panic(err)
	}
	fmt.Println(r.Status)
}
