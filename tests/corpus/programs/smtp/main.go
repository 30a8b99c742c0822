// It sends mail, with TLS where the server offers it.
package main

import (
	"fmt"
	"net/smtp"
	"os"
)

func main() {
	fmt.Println(smtp.SendMail(os.Args[1], nil, "a@b.example", []string{"c@d.example"}, nil))
}
