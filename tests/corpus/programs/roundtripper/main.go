// Command roundtripper sends one request by itself.
package main

import (
	"fmt"
	"log"
	"net/http"
	"os"
)

func main() {
	request, err := http.NewRequest(http.MethodHead, os.Args[1], nil)
	if err != nil {
		log.Fatal(err)
	}
	answer, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(answer.Status)
}
