// Command exec-context gives a dump one minute.
package main

import (
	"context"
	"fmt"
	"os/exec"
	"time"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "pg_dump", "--version").CombinedOutput()
	fmt.Println(string(out), err)
}
