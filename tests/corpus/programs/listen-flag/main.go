// The default of a flag is the address it listens on.
package main

import (
	"flag"
	"log"
	"net/http"
)

var listen = flag.String("listen", ":8081", "address to listen on")

func main() {
	flag.Parse()
	log.Fatal(http.ListenAndServe(*listen, nil))
}
