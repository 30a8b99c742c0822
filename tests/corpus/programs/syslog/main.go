// Command syslog writes one line to the log.
package main

import (
	"log"
	"log/syslog"
)

func main() {
	writer, err := syslog.New(syslog.LOG_NOTICE, "corpus")
	if err != nil {
		log.Fatal(err)
	}
	_ = writer.Notice("hello")
}
