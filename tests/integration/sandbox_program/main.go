// A program that does what it is told, so that a test can see how it was confined.
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	words := os.Args[1:]
	if len(words) == 0 {
		fmt.Println("hello")
		return
	}
	switch rest := words[1:]; words[0] {
	case "exit":
		status, _ := strconv.Atoi(rest[0])
		os.Exit(status)
	case "id":
		groups, _ := os.Getgroups()
		directory, _ := os.Getwd()
		host, _ := os.Hostname()
		fmt.Println(os.Getuid(), os.Getgid(), groups, directory, host, os.Getpid())
	case "env":
		fmt.Println(strings.Join(os.Environ(), "\n"))
	case "cat":
		for _, name := range rest {
			data, err := os.ReadFile(name)
			must(err)
			os.Stdout.Write(data)
		}
	case "write":
		must(os.WriteFile(rest[0], []byte("written\n"), 0o644))
	case "echo":
		data, err := io.ReadAll(os.Stdin)
		must(err)
		fmt.Printf("heard %d bytes: %s", len(data), data)
	case "flood":
		line := strings.Repeat("x", 1023) + "\n"
		for range 4096 {
			os.Stdout.WriteString(line)
		}
	case "sleep":
		fmt.Println("sleeping")
		time.Sleep(time.Hour)
	case "deaf":
		signal.Ignore(syscall.SIGTERM, syscall.SIGINT)
		fmt.Println("deaf")
		time.Sleep(time.Hour)
	case "listen":
		heard := make(chan os.Signal, 4)
		signal.Notify(heard, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGUSR1)
		fmt.Println("ready")
		for number := range heard {
			fmt.Println("got", number)
			if number == syscall.SIGTERM || number == syscall.SIGINT {
				os.Exit(0)
			}
		}
	case "serve":
		listener, err := net.Listen("tcp", ":"+rest[0])
		must(err)
		fmt.Println("ready")
		http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintln(w, "served", r.URL.Path)
		})
		must(http.Serve(listener, nil))
	case "dial":
		connection, err := net.DialTimeout("tcp", rest[0], time.Second)
		must(err)
		connection.Close()
		fmt.Println("connected")
	}
}

func must(err error) {
	if err != nil {
		fmt.Println("failed:", err)
		os.Exit(3)
	}
}
