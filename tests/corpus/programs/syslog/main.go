// It writes to the syslog.
package main

import (
	"fmt"
	"log/syslog"
)

func main() {
	fmt.Println(syslog.New(syslog.LOG_INFO, "x"))
}
