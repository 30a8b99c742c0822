// Command httpinterface hides its client.
package main

import (
	"fmt"
	"log"
	"net/http"
	"os"
)

type doer interface {
	Do(*http.Request) (*http.Response, error)
}

type shop struct{ client doer }

func (s shop) ask(address string) (int, error) {
	request, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		return 0, err
	}
	answer, err := s.client.Do(request)
	if err != nil {
		return 0, err
	}
	return answer.StatusCode, answer.Body.Close()
}

func main() {
	status, err := shop{client: &http.Client{}}.ask(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(status)
}
