// A registry of another make that speaks the distribution specification 1.1: olareg, with TLS and
// a password before it, and a line on stdout for each request.
package main

import (
	"crypto/subtle"
	"flag"
	"fmt"
	"net/http"
	"os"

	"github.com/olareg/olareg"
	"github.com/olareg/olareg/config"
)

func main() {
	address := flag.String("address", "127.0.0.1:5000", "where to listen")
	root := flag.String("root", "", "where to keep what is pushed")
	cert := flag.String("cert", "", "certificate")
	key := flag.String("key", "", "its key")
	user := flag.String("user", "", "user:password that is asked for")
	flag.Parse()
	registry := olareg.New(config.Config{
		Storage: config.ConfigStorage{StoreType: config.StoreDir, RootDir: *root},
	})
	handler := http.HandlerFunc(func(out http.ResponseWriter, request *http.Request) {
		name, password, _ := request.BasicAuth()
		said := []byte(name + ":" + password)
		if *user != "" && subtle.ConstantTimeCompare(said, []byte(*user)) == 0 {
			fmt.Printf("%s %s refused\n", request.Method, request.URL.RequestURI())
			out.Header().Set("WWW-Authenticate", `Basic realm="olareg"`)
			http.Error(out, "no", http.StatusUnauthorized)
			return
		}
		fmt.Printf("%s %s\n", request.Method, request.URL.RequestURI())
		registry.ServeHTTP(out, request)
	})
	var err error
	if *cert != "" {
		err = http.ListenAndServeTLS(*address, *cert, *key, handler)
	} else {
		err = http.ListenAndServe(*address, handler)
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
