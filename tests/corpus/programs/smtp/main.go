// Command smtp sends a line.
package main

import (
	"log"
	"net/smtp"
	"os"
)

func main() {
	to := []string{os.Args[2]}
	if err := smtp.SendMail(os.Args[1], nil, "whit@example.com", to, []byte("hello\r\n")); err != nil {
		log.Fatal(err)
	}
}
