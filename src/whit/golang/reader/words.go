package main

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"strconv"
	"strings"
	"time"
)

// Part of a text: words, or what a parameter of the enclosing function holds.
type part struct {
	words string
	param int // -1 for words
}

const (
	maxWays  = 64
	maxDepth = 8
)

// texts are the texts that an expression may be, each in parts; nil where that is unknown.
func (u *Unit) texts(e ast.Expr, params map[types.Object]int, depth int) [][]part {
	if depth > maxDepth || e == nil {
		return nil
	}
	if known := u.info.Types[e]; known.Value != nil {
		if known.Value.Kind() == constant.String {
			return [][]part{{{constant.StringVal(known.Value), -1}}}
		}
		return nil
	}
	switch e := e.(type) {
	case *ast.ParenExpr:
		return u.texts(e.X, params, depth+1)
	case *ast.Ident:
		object := u.info.Uses[e]
		if object == nil {
			object = u.info.Defs[e]
		}
		if index, ok := params[object]; ok {
			return [][]part{{{"", index}}}
		}
		if value := u.values[object]; value != nil {
			return u.texts(value, params, depth+1)
		}
		if through := u.ranges[object]; through != nil {
			return u.elements(through, params, depth+1)
		}
	case *ast.BinaryExpr:
		if e.Op == token.ADD {
			return joined(u.texts(e.X, params, depth+1), u.texts(e.Y, params, depth+1))
		}
	case *ast.CallExpr:
		return u.called(e, params, depth+1)
	}
	return nil
}

// elements are the texts of a slice's elements.
func (u *Unit) elements(e ast.Expr, params map[types.Object]int, depth int) [][]part {
	if ident, ok := e.(*ast.Ident); ok {
		if value := u.values[u.info.Uses[ident]]; value != nil {
			e = value
		}
	}
	literal, ok := e.(*ast.CompositeLit)
	if !ok {
		return nil
	}
	var found [][]part
	for _, element := range literal.Elts {
		found = append(found, u.texts(element, params, depth+1)...)
		if len(found) > maxWays {
			return nil
		}
	}
	return found
}

func (u *Unit) called(call *ast.CallExpr, params map[types.Object]int, depth int) [][]part {
	if len(call.Args) == 1 && u.info.Types[call.Fun].IsType() {
		return u.texts(call.Args[0], params, depth)
	}
	name := u.callee(call)
	if len(call.Args) == 0 {
		return nil
	}
	first := u.texts(call.Args[0], params, depth)
	switch name {
	case "fmt.Sprintf":
		return u.formatted(call, first, params, depth)
	case "strings.ToUpper", "strings.ToLower":
		change := strings.ToUpper
		if name == "strings.ToLower" {
			change = strings.ToLower
		}
		return changed(first, change)
	case "strings.ReplaceAll":
		old, fresh := u.text(call.Args[1]), u.text(call.Args[2])
		return changed(first, func(s string) string { return strings.ReplaceAll(s, old, fresh) })
	}
	return nil
}

func (u *Unit) formatted(call *ast.CallExpr, format [][]part, params map[types.Object]int, depth int) [][]part {
	if len(format) != 1 || len(format[0]) != 1 || format[0][0].param >= 0 {
		return nil
	}
	ways := [][]part{{}}
	rest, next := format[0][0].words, 1
	for rest != "" {
		at := strings.IndexByte(rest, '%')
		if at < 0 || at+1 == len(rest) {
			break
		}
		ways = joined(ways, [][]part{{{rest[:at], -1}}})
		verb := rest[at+1]
		rest = rest[at+2:]
		switch {
		case verb == '%':
			ways = joined(ways, [][]part{{{"%", -1}}})
		case (verb == 's' || verb == 'v') && next < len(call.Args):
			ways = joined(ways, u.texts(call.Args[next], params, depth))
			next++
		default:
			return nil
		}
	}
	return joined(ways, [][]part{{{rest, -1}}})
}

func joined(left, right [][]part) [][]part {
	if len(left)*len(right) > maxWays {
		return nil
	}
	var found [][]part
	for _, a := range left {
		for _, b := range right {
			found = append(found, append(append([]part{}, a...), b...))
		}
	}
	return found
}

// changed applies a function to texts that are words throughout.
func changed(ways [][]part, change func(string) string) [][]part {
	var found [][]part
	for _, way := range ways {
		if words, ok := plain(way); ok {
			found = append(found, []part{{change(words), -1}})
		}
	}
	return found
}

func plain(way []part) (string, bool) {
	words := ""
	for _, one := range way {
		if one.param >= 0 {
			return "", false
		}
		words += one.words
	}
	return words, true
}

// text is the one text that an expression can be, or "".
func (u *Unit) text(e ast.Expr) string {
	ways := u.texts(e, nil, 0)
	if len(ways) != 1 {
		return ""
	}
	words, _ := plain(ways[0])
	return words
}

// value is an expression as it would be written on a command line; nil where it is unknown.
func (u *Unit) value(e ast.Expr) *string {
	if e == nil {
		return nil
	}
	known := u.info.Types[e]
	if known.Value != nil {
		said := shown(known.Value, known.Type)
		return &said
	}
	if ways := u.texts(e, nil, 0); len(ways) == 1 {
		if words, ok := plain(ways[0]); ok {
			return &words
		}
	}
	if known.IsNil() {
		said := ""
		return &said
	}
	if literal, ok := e.(*ast.CompositeLit); ok {
		var said []string
		for _, element := range literal.Elts {
			one := u.value(element)
			if one == nil {
				return nil
			}
			said = append(said, *one)
		}
		whole := strings.Join(said, ",")
		return &whole
	}
	if ident, ok := e.(*ast.Ident); ok {
		if value := u.values[u.info.Uses[ident]]; value != nil {
			return u.value(value)
		}
	}
	return nil
}

func shown(value constant.Value, kind types.Type) string {
	switch value.Kind() {
	case constant.String:
		return constant.StringVal(value)
	case constant.Int:
		number, ok := constant.Int64Val(value)
		if ok && kind != nil && strings.HasSuffix(kind.String(), "time.Duration") {
			return time.Duration(number).String()
		}
		return value.ExactString()
	case constant.Float:
		number, _ := constant.Float64Val(value)
		return strconv.FormatFloat(number, 'g', -1, 64)
	}
	return value.ExactString()
}

// typeWord is what a value's type lets be checked: bool, int, duration, or nothing.
func typeWord(kind types.Type) string {
	if kind == nil {
		return ""
	}
	if pointer, ok := kind.(*types.Pointer); ok {
		kind = pointer.Elem()
	}
	if strings.HasSuffix(kind.String(), "time.Duration") {
		return "duration"
	}
	basic, ok := kind.Underlying().(*types.Basic)
	if !ok || kind != kind.Underlying() {
		return ""
	}
	switch {
	case basic.Info()&types.IsBoolean != 0:
		return "bool"
	case basic.Info()&types.IsInteger != 0:
		return "int"
	}
	return ""
}

// callee is a call's function: pkg.Func or (*pkg.Type).Method, without the version in the path.
func (u *Unit) callee(call *ast.CallExpr) string {
	function := u.function(call)
	if function == nil {
		return ""
	}
	return nameOf(function)
}

func (u *Unit) function(call *ast.CallExpr) *types.Func {
	fun := call.Fun
	if index, ok := fun.(*ast.IndexExpr); ok {
		fun = index.X
	}
	var object types.Object
	switch fun := fun.(type) {
	case *ast.Ident:
		object = u.info.Uses[fun]
	case *ast.SelectorExpr:
		object = u.info.Uses[fun.Sel]
	}
	function, _ := object.(*types.Func)
	return function
}

func nameOf(function *types.Func) string {
	name := function.FullName()
	if function.Pkg() == nil {
		return name
	}
	path := function.Pkg().Path()
	return strings.Replace(name, path, unversioned(path), 1)
}

// unversioned takes /v2 or .v2 off the parts of a path.
func unversioned(path string) string {
	parts := strings.Split(path, "/")
	kept := parts[:0]
	for _, one := range parts {
		if i := strings.LastIndex(one, ".v"); i > 0 && isNumber(one[i+2:]) {
			one = one[:i]
		}
		if len(one) > 1 && one[0] == 'v' && isNumber(one[1:]) {
			continue
		}
		kept = append(kept, one)
	}
	return strings.Join(kept, "/")
}

func isNumber(s string) bool {
	_, err := strconv.Atoi(s)
	return err == nil
}

// linkerName is how the linker calls a declared function.
func linkerName(unit *Unit, declared *ast.FuncDecl) string {
	if declared == nil || unit.types == nil {
		return ""
	}
	path := unit.ImportPath
	if unit.types.Name() == "main" {
		path = "main"
	}
	if declared.Type.TypeParams != nil {
		return ""
	}
	name := declared.Name.Name
	if declared.Recv == nil || len(declared.Recv.List) == 0 {
		return fmt.Sprintf("%s.%s", path, name)
	}
	switch receiver := declared.Recv.List[0].Type.(type) {
	case *ast.StarExpr:
		if ident, ok := receiver.X.(*ast.Ident); ok {
			return fmt.Sprintf("%s.(*%s).%s", path, ident.Name, name)
		}
	case *ast.Ident:
		return fmt.Sprintf("%s.%s.%s", path, receiver.Name, name)
	}
	return ""
}
