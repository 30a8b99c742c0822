// Paths that reach what opens them by many ways.
package main

import (
	"crypto/tls"
	"fmt"
	"html/template"
	"net/http"
	"os"
)

type server struct{ key string }

var config = "/etc/app/config.yaml"

func read(path string) { fmt.Println(os.ReadFile(path)) }

func main() {
	read("/etc/app/extra.yaml")
	fmt.Println(os.ReadFile(config))
	fmt.Println(os.MkdirAll("/var/lib/app/data", 0o700), os.WriteFile("state.json", nil, 0o600))
	fmt.Println(os.Stat("/srv/app/ready"))
	fmt.Println(os.WriteFile("/run/app/app.pid", nil, 0o600))
	fmt.Println(template.ParseFiles("/usr/share/app/index.html"))
	fmt.Println(tls.LoadX509KeyPair("/etc/app/tls.crt", "/etc/app/tls.key"))
	http.Handle("/assets/", http.FileServer(http.Dir("/srv/www/assets")))
	fmt.Println(http.ListenAndServe(":8080", nil), server{key: "/opt/app/key"})
}
