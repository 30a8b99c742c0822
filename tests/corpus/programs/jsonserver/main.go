// Command jsonserver echoes a document.
package main

import (
	"encoding/json"
	"log"
	"net/http"
)

type order struct {
	Name  string `json:"name"`
	Count int    `json:"count"`
}

func main() {
	mux := http.NewServeMux()
	mux.HandleFunc("/orders", func(w http.ResponseWriter, r *http.Request) {
		var asked order
		if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		_ = json.NewEncoder(w).Encode(asked)
	})
	server := &http.Server{Addr: ":9090", Handler: mux}
	log.Fatal(server.ListenAndServe())
}
