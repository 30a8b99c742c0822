// Sqlite asks a database that lives in memory: C code, and nothing that C code needs besides libc.
package main

import (
	"database/sql"
	"fmt"

	_ "github.com/mattn/go-sqlite3"
)

func main() {
	db, err := sql.Open("sqlite3", ":memory:")
	if err != nil {
		panic(err)
	}
	var version string
	if err := db.QueryRow("select sqlite_version()").Scan(&version); err != nil {
		panic(err)
	}
	fmt.Println("sqlite", version)
}
