package main

import (
	"go/ast"
	"go/types"
	"regexp"
	"strings"
)

// rule is what a call of a function names. Parts with parameters mean the call's arguments.
type rule struct {
	kind, how      string
	name           [][]part
	initial, usage []part // nil where nothing is known
	here           []part // the initial value, in the words of the calling function
	typed          string
	env            []string
	required       bool
	isUpper        bool // of a prefix: in capitals, with an underscore behind it
}

// Finder goes through all units; functions that hand a parameter on become rules themselves, and
// the units are gone through again for the calls of those.
type Finder struct {
	units []*Unit
	own   string
	rules map[string][]rule // of this round
	next  map[string][]rule
	told  map[string]bool
	// whose families are known
	withFamilies map[*Unit]bool
	sure         map[string]bool // functions that every run calls
	flags        []viperKey
	viper        viperUse
	round        int
}

const maxRounds = 3

func newFinder(units []*Unit, own string) *Finder {
	f := &Finder{units: units, own: own, told: map[string]bool{}, withFamilies: map[*Unit]bool{}}
	argument := func(i int) [][]part { return [][]part{{{"", i}}} }
	f.rules = map[string][]rule{}
	for _, name := range []string{"os.Getenv", "os.LookupEnv", "syscall.Getenv"} {
		f.rules[name] = []rule{{kind: "env", how: name, name: argument(0)}}
	}
	for _, name := range []string{"MarkFlagRequired", "MarkPersistentFlagRequired"} {
		full := "(*github.com/spf13/cobra.Command)." + name
		f.rules[full] = []rule{{kind: "flag", how: "cobra", name: argument(0), required: true}}
	}
	for _, name := range []string{"WithEnvVarPrefix", "WithEnvVarsPrefix"} {
		f.rules["github.com/peterbourgon/ff."+name] = []rule{
			{kind: "flags", how: "ff", name: argument(0)},
		}
	}
	f.rules["github.com/knadh/koanf/providers/env.Provider"] = []rule{
		{kind: "prefix", how: "koanf", name: argument(0)},
	}
	return f
}

func (f *Finder) run() {
	f.sure = f.surelyCalled()
	for f.round = 0; f.round < maxRounds && len(f.rules) > 0; f.round++ {
		f.next = map[string][]rule{}
		for _, unit := range f.units {
			for _, file := range unit.files {
				f.visit(unit, file)
			}
		}
		f.rules = f.next
	}
	f.finishViper()
}

// visit goes through a file with the way to each node.
func (f *Finder) visit(unit *Unit, file *ast.File) {
	var way []ast.Node
	ast.Inspect(file, func(node ast.Node) bool {
		if node == nil {
			way = way[:len(way)-1]
			return true
		}
		way = append(way, node)
		switch node := node.(type) {
		case *ast.CallExpr:
			f.call(unit, node, way)
		case *ast.CompositeLit:
			if f.round == 0 {
				f.literal(unit, node, way)
			}
		case *ast.AssignStmt:
			if f.round == 0 {
				f.tagName(unit, node)
			}
		}
		return true
	})
}

func (f *Finder) call(unit *Unit, call *ast.CallExpr, way []ast.Node) {
	function := unit.function(call)
	if function == nil {
		return
	}
	name := nameOf(function)
	for _, one := range f.rules[name] {
		f.apply(unit, call, way, one)
	}
	if f.round > 0 {
		return
	}
	if one, ok := registers(unit, function, call); ok {
		f.apply(unit, call, way, one)
	}
	if isKingpin(function) && len(call.Args) == 2 {
		f.apply(unit, call, way, kingpin(unit, call, way, paramsOf(unit, way)))
	}
	f.structs(unit, name, call, way)
	f.viperCall(unit, name, call, way)
	if name == "os.Environ" {
		f.families(unit)
	}
}

// registers is the rule of flag and pflag: their parameters are called what they are.
func registers(unit *Unit, function *types.Func, call *ast.CallExpr) (rule, bool) {
	if function.Pkg() == nil {
		return rule{}, false
	}
	path := function.Pkg().Path()
	if path != "flag" && path != "github.com/spf13/pflag" {
		return rule{}, false
	}
	signature := function.Type().(*types.Signature)
	found := rule{kind: "flag", how: path}
	for i := 0; i < signature.Params().Len(); i++ {
		parameter := signature.Params().At(i)
		at := []part{{"", i}}
		switch parameter.Name() {
		case "name":
			found.name = [][]part{at}
		case "usage":
			found.usage = at
		case "value":
			found.initial, found.typed = at, typeWord(parameter.Type())
			if _, isValue := parameter.Type().Underlying().(*types.Interface); isValue {
				found.initial = nil
			}
		}
	}
	if strings.Contains(function.Name(), "Count") {
		found.typed = ""
	}
	return found, found.name != nil && found.usage != nil && len(call.Args) > 1
}

// apply tells what a call names, or makes a rule of the function around it.
func (f *Finder) apply(unit *Unit, call *ast.CallExpr, way []ast.Node, one rule) {
	params, declared := paramsOf(unit, way), around(way)
	names := unit.filledWays(one.name, call, params)
	found := rule{
		kind: one.kind, how: one.how, typed: one.typed, required: one.required, env: one.env,
		initial: unit.filled(one.initial, call, params),
		usage:   unit.filled(one.usage, call, params),
	}
	if one.here != nil {
		found.initial = one.here
	}
	isSure := f.isSure(unit, way)
	if one.kind == "env" {
		must, otherwise := unit.checked(call, way, params)
		found.required = found.required || must
		if found.initial == nil {
			found.initial = otherwise
		}
	}
	open := hasParams(found.initial) || hasParams(found.usage)
	for _, way := range names {
		if words, ok := plain(way); ok {
			if one.isUpper {
				words = strings.ToUpper(words) + "_"
			}
			item := Item{
				Kind: one.kind, Name: words, How: one.how, Type: one.typed, Env: one.env,
				Required: found.required && (isSure || one.kind != "env"),
			}
			if initial, ok := plain(found.initial); ok && found.initial != nil {
				item.Default = &initial
			}
			if usage, ok := plain(found.usage); ok {
				item.Usage = usage
			}
			f.emit(item, unit, call, linkerName(unit, declared))
		} else {
			found.name = append(found.name, way)
		}
		if open && !hasParams(way) {
			found.name = append(found.name, way)
		}
	}
	if len(found.name) > 0 && declared != nil {
		f.follow(unit, declared, found)
	}
}

// follow looks, in the next round, for the calls of a function that hands its parameters on.
func (f *Finder) follow(unit *Unit, declared *ast.FuncDecl, one rule) {
	function, ok := unit.info.Defs[declared.Name].(*types.Func)
	if !ok {
		return
	}
	name := nameOf(function)
	one.how += " by " + declared.Name.Name
	f.next[name] = append(f.next[name], one)
}

// filledWays puts a call's arguments in the places of the parameters.
func (u *Unit) filledWays(ways [][]part, call *ast.CallExpr, params map[types.Object]int) [][]part {
	var found [][]part
	for _, way := range ways {
		made := [][]part{{}}
		for _, one := range way {
			if one.param < 0 {
				made = joined(made, [][]part{{one}})
			} else if one.param < len(call.Args) {
				made = joined(made, u.texts(call.Args[one.param], params, 0))
			} else {
				made = nil
			}
		}
		found = append(found, made...)
	}
	return found
}

// filled is the same for one text, of whatever is a value.
func (u *Unit) filled(way []part, call *ast.CallExpr, params map[types.Object]int) []part {
	if way == nil {
		return nil
	}
	made := []part{}
	for _, one := range way {
		if one.param < 0 {
			made = append(made, one)
			continue
		}
		if one.param >= len(call.Args) {
			return nil
		}
		more := u.parts(call.Args[one.param], params)
		if more == nil {
			return nil
		}
		made = append(made, more...)
	}
	return made
}

// parts is an expression as one text with parameters in it; nil where it is unknown.
func (u *Unit) parts(e ast.Expr, params map[types.Object]int) []part {
	if ident, ok := e.(*ast.Ident); ok {
		if index, ok := params[u.info.Uses[ident]]; ok {
			return []part{{"", index}}
		}
	}
	if said := u.value(e); said != nil {
		return []part{{*said, -1}}
	}
	if ways := u.texts(e, params, 0); len(ways) == 1 {
		return ways[0]
	}
	return nil
}

func hasParams(way []part) bool {
	for _, one := range way {
		if one.param >= 0 {
			return true
		}
	}
	return false
}

// around is the declared function that a node stands in.
func around(way []ast.Node) *ast.FuncDecl {
	for _, node := range way {
		if declared, ok := node.(*ast.FuncDecl); ok {
			return declared
		}
	}
	return nil
}

func paramsOf(unit *Unit, way []ast.Node) map[types.Object]int {
	found := map[types.Object]int{}
	declared := around(way)
	if declared == nil {
		return found
	}
	index := 0
	for _, field := range declared.Type.Params.List {
		for _, name := range field.Names {
			found[unit.info.Defs[name]] = index
			index++
		}
		if len(field.Names) == 0 {
			index++
		}
	}
	return found
}

// isKingpin tells by what it returns: an interface of the program's own may stand between.
func isKingpin(function *types.Func) bool {
	results := function.Type().(*types.Signature).Results()
	if function.Name() != "Flag" || results.Len() != 1 {
		return false
	}
	name := results.At(0).Type().String()
	return strings.Contains(name, "alecthomas/kingpin") && strings.HasSuffix(name, ".FlagClause")
}

// kingpin reads the calls that follow one another: Flag(name, help).Default(…).Envar(…).Bool().
func kingpin(unit *Unit, call *ast.CallExpr, way []ast.Node, params map[types.Object]int) rule {
	found := rule{
		kind: "flag", how: "kingpin", name: [][]part{{{"", 0}}}, usage: []part{{"", 1}},
	}
	for i := len(way) - 2; i > 0; i -= 2 {
		selector, ok := way[i].(*ast.SelectorExpr)
		outer, isCall := way[i-1].(*ast.CallExpr)
		if !ok || !isCall || outer.Fun != selector {
			break
		}
		switch selector.Sel.Name {
		case "Required":
			found.required = true
		case "Bool", "BoolVar", "Int", "IntVar", "Int64", "Uint", "Uint64", "Duration", "DurationVar":
			found.typed = strings.ToLower(strings.TrimSuffix(strings.TrimLeft(selector.Sel.Name, "U"), "Var"))
			found.typed = strings.TrimSuffix(found.typed, "64")
			if strings.HasPrefix(found.typed, "int") {
				found.typed = "int"
			}
		case "Envar":
			if len(outer.Args) == 1 {
				if words := unit.text(outer.Args[0]); words != "" {
					found.env = append(found.env, words)
				}
			}
		case "Default":
			if len(outer.Args) == 1 {
				found.here = unit.parts(outer.Args[0], params)
			}
		}
	}
	return found
}

// literal reads the flags of urfave/cli, which are values of its types.
func (f *Finder) literal(unit *Unit, literal *ast.CompositeLit, way []ast.Node) {
	kind := unit.info.TypeOf(literal)
	if kind == nil {
		return
	}
	name := kind.String()
	if !strings.HasPrefix(name, "github.com/urfave/cli") || !strings.Contains(name, "Flag") {
		return
	}
	item := Item{Kind: "flag", How: "urfave/cli"}
	for word, typed := range map[string]string{"Bool": "bool", "Int": "int", "Duration": "duration"} {
		last := name[strings.LastIndexByte(name, '.')+1:]
		if strings.HasPrefix(last, word) && !strings.Contains(last, "Slice") {
			item.Type = typed
		}
	}
	for _, element := range literal.Elts {
		pair, ok := element.(*ast.KeyValueExpr)
		if !ok {
			continue
		}
		key, ok := pair.Key.(*ast.Ident)
		if !ok {
			continue
		}
		switch key.Name {
		case "Name":
			item.Name = strings.TrimSpace(strings.Split(unit.text(pair.Value), ",")[0])
		case "Usage":
			item.Usage = unit.text(pair.Value)
		case "Value":
			item.Default = unit.value(pair.Value)
		case "Required":
			said := unit.value(pair.Value)
			item.Required = said != nil && *said == "true"
		case "EnvVar", "EnvVars", "Sources":
			item.Env = unit.constantsIn(pair.Value)
		}
	}
	f.emit(item, unit, literal, linkerName(unit, around(way)))
}

// constantsIn are all texts in an expression: those of EnvVars: []string{"A", "B"}.
func (u *Unit) constantsIn(e ast.Expr) []string {
	var found []string
	ast.Inspect(e, func(node ast.Node) bool {
		expression, ok := node.(ast.Expr)
		if !ok {
			return true
		}
		if ident, isIdent := expression.(*ast.Ident); isIdent {
			if value := u.values[u.info.Uses[ident]]; value != nil {
				found = append(found, u.constantsIn(value)...)
				return false
			}
		}
		if words := u.text(expression); words != "" {
			for _, one := range strings.Split(words, ",") {
				found = append(found, strings.TrimSpace(one))
			}
			return false
		}
		return true
	})
	return found
}

// families are the beginnings that a package which reads os.Environ compares with.
func (f *Finder) families(unit *Unit) {
	if f.withFamilies[unit] || !isBelow(unit.ImportPath, f.own) {
		return
	}
	f.withFamilies[unit] = true
	for _, file := range unit.files {
		ast.Inspect(file, func(node ast.Node) bool {
			call, ok := node.(*ast.CallExpr)
			if !ok || len(call.Args) != 2 {
				return true
			}
			if name := unit.callee(call); name != "strings.HasPrefix" && name != "strings.CutPrefix" {
				return true
			}
			if words := unit.text(call.Args[1]); words != "" {
				if family.MatchString(words) {
					f.emit(Item{Kind: "prefix", Name: words, How: "os.Environ"}, unit, call, "")
				}
			} else if sum, ok := call.Args[1].(*ast.BinaryExpr); ok {
				f.familyOf(unit, sum)
			}
			return true
		})
	}
}

var family = regexp.MustCompile(`^[A-Z][A-Z0-9_]*_$`)

// familyOf reads strings.ToUpper(p.prefix)+"_", where whoever makes p says what prefix is.
func (f *Finder) familyOf(unit *Unit, sum *ast.BinaryExpr) {
	inner, isUpper := sum.X, false
	if call, ok := inner.(*ast.CallExpr); ok && unit.callee(call) == "strings.ToUpper" {
		inner, isUpper = call.Args[0], true
	}
	selector, ok := inner.(*ast.SelectorExpr)
	if !ok || unit.text(sum.Y) != "_" {
		return
	}
	field := unit.info.Uses[selector.Sel]
	for _, file := range unit.files {
		for _, one := range file.Decls {
			declared, ok := one.(*ast.FuncDecl)
			if !ok || declared.Body == nil {
				continue
			}
			params := paramsOf(unit, []ast.Node{declared})
			ast.Inspect(declared.Body, func(node ast.Node) bool {
				pair, ok := node.(*ast.KeyValueExpr)
				if !ok {
					return true
				}
				key, ok := pair.Key.(*ast.Ident)
				if !ok || unit.info.Uses[key] != field {
					return true
				}
				for _, way := range unit.texts(pair.Value, params, 0) {
					if hasParams(way) {
						f.follow(unit, declared, rule{
							kind: "prefix", how: "os.Environ", name: [][]part{way}, isUpper: isUpper,
						})
					}
				}
				return true
			})
		}
	}
}
