// The server is made in one function and started in a goroutine.
package main

import (
	"context"
	"log"
	"net/http"
	"os"
	"os/signal"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	server := &http.Server{Addr: "0.0.0.0:8086", Handler: http.NewServeMux()}
	go func() { log.Println(server.ListenAndServe()) }()
	<-ctx.Done()
	log.Println(server.Shutdown(context.Background()))
}
