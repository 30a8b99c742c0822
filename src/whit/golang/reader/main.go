// Command reader: packages in, as `go list -deps -export -json` lists them; out, a line of JSON for
// each variable and flag that their source names. It knows the standard library only, so that the
// user's own Go can build it, offline.
//
//	reader LISTING MODULE
//
// MODULE is the program's own: of other modules only those packages are read that register flags
// or read variables by a library for it.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Package is what `go list` says of one.
type Package struct {
	Dir, ImportPath, Export string
	GoFiles, CgoFiles       []string
	Imports                 []string
	ImportMap               map[string]string
	Standard                bool
	Module                  *struct{ Path string }
}

// Item is what was found. Func is the linker's name of the function that it stands in, "" for a
// package variable; Flag is the flag that a variable stands for.
type Item struct {
	Kind     string   `json:"kind"` // env, flag, prefix, or flags: all of them, by their names behind a prefix
	Name     string   `json:"name"`
	Default  *string  `json:"default,omitempty"`
	Usage    string   `json:"usage,omitempty"`
	Type     string   `json:"type,omitempty"`
	Required bool     `json:"required,omitempty"`
	Env      []string `json:"env,omitempty"`
	Flag     string   `json:"flag,omitempty"`
	How      string   `json:"how"`
	Func     string   `json:"func,omitempty"`
	Place    string   `json:"place"`
	Module   string   `json:"module"`
}

// Unit is a package with its syntax and types.
type Unit struct {
	Package
	files []*ast.File
	types *types.Package
	info  *types.Info
	// What a variable is set to, where it is set once; nil where more than once.
	values map[types.Object]ast.Expr
	// The slice that a variable runs through.
	ranges map[types.Object]ast.Expr
}

var (
	files    = token.NewFileSet()
	output   = bufio.NewWriter(os.Stdout)
	exported = map[string]string{}
)

// libraries are packages that a package imports if it has something to say.
var libraries = []string{
	"flag", "github.com/spf13/pflag", "github.com/spf13/cobra", "github.com/spf13/viper",
	"github.com/urfave/cli", "github.com/alecthomas/kong", "github.com/alecthomas/kingpin",
	"gopkg.in/alecthomas/kingpin", "github.com/kelseyhightower/envconfig",
	"github.com/vrischmann/envconfig", "github.com/caarlos0/env", "github.com/knadh/koanf",
	"github.com/sethvargo/go-envconfig", "github.com/ilyakaznacheev/cleanenv",
	"github.com/jessevdk/go-flags", "github.com/peterbourgon/ff",
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "reader LISTING MODULE")
		os.Exit(2)
	}
	own := os.Args[2]
	packages, err := read(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for _, one := range packages {
		exported[one.ImportPath] = one.Export
	}
	var units []*Unit
	for _, one := range packages {
		if !one.Standard && isInteresting(one, own) {
			units = append(units, check(one))
		}
	}
	finder := newFinder(units, own)
	finder.run()
	output.Flush()
}

func read(place string) ([]Package, error) {
	from, err := os.Open(place)
	if err != nil {
		return nil, err
	}
	defer from.Close()
	var found []Package
	decoder := json.NewDecoder(bufio.NewReaderSize(from, 1<<20))
	for {
		var one Package
		err = decoder.Decode(&one)
		if err == io.EOF {
			return found, nil
		}
		if err != nil {
			return nil, err
		}
		found = append(found, one)
	}
}

func isInteresting(one Package, own string) bool {
	if one.Module == nil || isBelow(one.ImportPath, own) || one.ImportPath == "command-line-arguments" {
		return true
	}
	for _, path := range one.Imports {
		for _, library := range libraries {
			if isBelow(path, library) {
				return !isLibrary(one.ImportPath)
			}
		}
	}
	return false
}

// isLibrary tells what a library has in it for its own sake.
func isLibrary(path string) bool {
	for _, library := range libraries {
		if isBelow(path, library) {
			return true
		}
	}
	return false
}

func isBelow(path, above string) bool {
	return above != "" && strings.HasPrefix(path, above) &&
		(len(path) == len(above) || path[len(above)] == '/' || path[len(above)] == '.')
}

// check parses a package and finds out its types, as far as they go.
func check(one Package) *Unit {
	unit := &Unit{Package: one, values: map[types.Object]ast.Expr{}, ranges: map[types.Object]ast.Expr{}}
	for _, name := range append(one.GoFiles, one.CgoFiles...) {
		if !filepath.IsAbs(name) {
			name = filepath.Join(one.Dir, name)
		}
		file, err := parser.ParseFile(files, name, nil, parser.SkipObjectResolution)
		if err == nil {
			unit.files = append(unit.files, file)
		}
	}
	unit.info = &types.Info{
		Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{},
		Defs: map[*ast.Ident]types.Object{}, Selections: map[*ast.SelectorExpr]*types.Selection{},
	}
	lookup := func(path string) (io.ReadCloser, error) {
		if mapped := one.ImportMap[path]; mapped != "" {
			path = mapped
		}
		place := exported[path]
		if place == "" {
			return nil, fmt.Errorf("no export data for %s", path)
		}
		return os.Open(place)
	}
	config := types.Config{
		Importer: importer.ForCompiler(files, "gc", lookup), Error: func(error) {}, FakeImportC: true,
	}
	unit.types, _ = config.Check(one.ImportPath, files, unit.files, unit.info)
	for _, file := range unit.files {
		unit.note(file)
	}
	return unit
}

// note keeps what each variable is set to.
func (u *Unit) note(file *ast.File) {
	set := func(name ast.Expr, value ast.Expr) {
		ident, ok := name.(*ast.Ident)
		if !ok {
			return
		}
		object := u.info.Defs[ident]
		if object == nil {
			object = u.info.Uses[ident]
		}
		if object == nil {
			return
		}
		if _, isKnown := u.values[object]; isKnown {
			value = nil
		}
		u.values[object] = value
	}
	ast.Inspect(file, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.AssignStmt:
			for i, name := range node.Lhs {
				if len(node.Rhs) == len(node.Lhs) && node.Tok != token.ADD_ASSIGN {
					set(name, node.Rhs[i])
				} else {
					set(name, nil)
				}
			}
		case *ast.ValueSpec:
			for i, name := range node.Names {
				if len(node.Values) == len(node.Names) {
					set(name, node.Values[i])
				}
			}
		case *ast.RangeStmt:
			if ident, ok := node.Value.(*ast.Ident); ok && u.info.Defs[ident] != nil {
				u.ranges[u.info.Defs[ident]] = node.X
			}
		case *ast.UnaryExpr:
			// What has its address taken may be set anywhere.
			if node.Op == token.AND {
				set(node.X, nil)
				set(node.X, nil)
			}
		}
		return true
	})
}

func (u *Unit) module() string {
	if u.Module != nil {
		return u.Module.Path
	}
	return ""
}

func (u *Unit) place(position token.Pos) string {
	where := files.Position(position)
	below := filepath.Base(where.Filename)
	return fmt.Sprintf("%s/%s:%d", u.ImportPath, below, where.Line)
}

func (f *Finder) emit(item Item, unit *Unit, at ast.Node, function string) {
	if item.Name == "" || len(item.Name) > 128 {
		return
	}
	if item.Kind == "flag" {
		f.flags = append(f.flags, viperKey{
			key: item.Name, flag: item.Name, typed: item.Type, unit: unit, at: at, function: function,
		})
	}
	item.Place, item.Module, item.Func = unit.place(at.Pos()), unit.module(), function
	key := item.Kind + "\x00" + item.Name + "\x00" + item.Place
	if f.told[key] {
		return
	}
	f.told[key] = true
	if len(item.Usage) > 200 {
		item.Usage = strings.ToValidUTF8(item.Usage[:200], "")
	}
	line, err := json.Marshal(item)
	if err == nil {
		output.Write(line)
		output.WriteByte('\n')
	}
}
