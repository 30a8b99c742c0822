package main

import (
	"go/ast"
	"go/types"
	"reflect"
	"regexp"
	"strings"
)

// parsers are the functions that fill a struct from the environment or the command line: the index
// of the struct's argument, -1 for a type argument, and whose tags it has.
var parsers = map[string]struct {
	index int
	tags  string
}{
	"github.com/caarlos0/env.Parse":                      {0, "env"},
	"github.com/caarlos0/env.ParseWithFuncs":             {0, "env"},
	"github.com/caarlos0/env.ParseWithOptions":           {0, "env"},
	"github.com/caarlos0/env.ParseAs":                    {-1, "env"},
	"github.com/caarlos0/env.ParseAsWithOptions":         {-1, "env"},
	"github.com/caarlos0/env.Must":                       {-1, "env"},
	"github.com/kelseyhightower/envconfig.Process":       {1, "envconfig"},
	"github.com/kelseyhightower/envconfig.MustProcess":   {1, "envconfig"},
	"github.com/sethvargo/go-envconfig.Process":          {1, "go-envconfig"},
	"github.com/sethvargo/go-envconfig.MustProcess":      {1, "go-envconfig"},
	"github.com/ilyakaznacheev/cleanenv.ReadEnv":         {0, "cleanenv"},
	"github.com/ilyakaznacheev/cleanenv.ReadConfig":      {1, "cleanenv"},
	"github.com/alecthomas/kong.Parse":                   {0, "kong"},
	"github.com/alecthomas/kong.New":                     {0, "kong"},
	"github.com/alecthomas/kong.Must":                    {0, "kong"},
	"github.com/jessevdk/go-flags.Parse":                 {0, "go-flags"},
	"github.com/jessevdk/go-flags.ParseArgs":             {0, "go-flags"},
	"github.com/jessevdk/go-flags.NewParser":             {0, "go-flags"},
	"(*github.com/jessevdk/go-flags.Command).AddGroup":   {2, "go-flags"},
	"(*github.com/jessevdk/go-flags.Group).AddGroup":     {2, "go-flags"},
	"(*github.com/jessevdk/go-flags.Command).AddCommand": {3, "go-flags"},
	"(*github.com/spf13/viper.Viper).Unmarshal":          {0, "viper"},
	"(*github.com/spf13/viper.Viper).UnmarshalExact":     {0, "viper"},
	"github.com/spf13/viper.Unmarshal":                   {0, "viper"},
	"github.com/spf13/viper.UnmarshalExact":              {0, "viper"},
}

const maxNested = 8

var words = regexp.MustCompile(`([^A-Z]+|[A-Z]+[^A-Z]+|[A-Z]+)`)

// walk is one struct being read: what goes before its names, and whom the items are told of.
type walk struct {
	finder   *Finder
	unit     *Unit
	at       ast.Node
	function string
	tags     string
	byName   bool // fields without a tag are read as well
	isSure   bool
}

func (f *Finder) structs(unit *Unit, name string, call *ast.CallExpr, way []ast.Node) {
	parser, ok := parsers[name]
	if !ok {
		return
	}
	var kind types.Type
	if parser.index < 0 {
		if index, ok := call.Fun.(*ast.IndexExpr); ok {
			kind = unit.info.TypeOf(index.Index)
		}
		if len(call.Args) > 0 && kind == nil {
			return // Must(Parse…) is found by what is inside of it
		}
	} else if parser.index < len(call.Args) {
		kind = unit.info.TypeOf(call.Args[parser.index])
	}
	fields := structOf(kind)
	if fields == nil {
		return
	}
	w := walk{f, unit, call, linkerName(unit, around(way)), parser.tags, false, f.isSure(unit, way)}
	prefix := ""
	if parser.tags == "envconfig" {
		prefix = unit.text(call.Args[0])
		w.byName = true
	}
	for _, argument := range call.Args {
		ast.Inspect(argument, func(node ast.Node) bool {
			pair, ok := node.(*ast.KeyValueExpr)
			if !ok {
				if inner, ok := node.(*ast.CallExpr); ok && len(inner.Args) == 1 &&
					unit.callee(inner) == "github.com/alecthomas/kong.DefaultEnvars" {
					w.byName, prefix = true, unit.text(inner.Args[0])
				}
				return true
			}
			if key, ok := pair.Key.(*ast.Ident); ok && parser.tags == "env" {
				switch key.Name {
				case "Prefix":
					prefix = unit.text(pair.Value)
				case "UseFieldNameByDefault":
					w.byName = true
				}
			}
			return true
		})
	}
	if parser.tags == "viper" {
		f.viper.roots = append(f.viper.roots, viperRoot{fields, unit, call, w.function})
		return
	}
	w.fields(fields, prefix, 0)
}

func structOf(kind types.Type) *types.Struct {
	for i := 0; kind != nil && i < 3; i++ {
		if pointer, ok := kind.Underlying().(*types.Pointer); ok {
			kind = pointer.Elem()
			continue
		}
		fields, _ := kind.Underlying().(*types.Struct)
		return fields
	}
	return nil
}

func (w *walk) fields(fields *types.Struct, prefix string, depth int) {
	if depth > maxNested {
		return
	}
	for i := 0; i < fields.NumFields(); i++ {
		field, tag := fields.Field(i), reflect.StructTag(fields.Tag(i))
		if !field.Exported() && !field.Embedded() {
			continue
		}
		switch w.tags {
		case "envconfig":
			w.envconfig(field, tag, prefix, depth)
		case "kong", "go-flags":
			w.flags(field, tag, prefix, depth)
		default:
			w.env(field, tag, prefix, depth)
		}
	}
}

// env reads the tags of caarlos0/env, sethvargo/go-envconfig and cleanenv.
func (w *walk) env(field *types.Var, tag reflect.StructTag, prefix string, depth int) {
	parts := strings.Split(tag.Get("env"), ",")
	name := strings.TrimSpace(parts[0])
	inner, isNested := tag.Get("envPrefix")+tag.Get("env-prefix"), structOf(field.Type()) != nil
	item := Item{Kind: "env", How: "tag env", Usage: tag.Get("env-description") + tag.Get("desc")}
	for _, name := range []string{"envDefault", "env-default"} {
		if said, ok := tag.Lookup(name); ok {
			item.Default = &said
		}
	}
	_, required := tag.Lookup("env-required")
	for _, one := range parts[1:] {
		one = strings.TrimSpace(one)
		switch {
		case one == "required" || one == "notEmpty":
			required = true
		case one == "file":
			item.Type = "file"
		case strings.HasPrefix(one, "default="):
			said := strings.TrimPrefix(one, "default=")
			item.Default = &said
		case strings.HasPrefix(one, "prefix="):
			inner = strings.TrimPrefix(one, "prefix=")
		}
	}
	if name == "" && w.byName && !isNested {
		name = strings.ToUpper(strings.Join(words.FindAllString(field.Name(), -1), "_"))
	}
	if name == "-" {
		return
	}
	if name != "" {
		w.tell(item, prefix+name, required, field)
	} else if isNested {
		w.fields(structOf(field.Type()), prefix+inner, depth+1)
	}
}

// envconfig reads the tags of kelseyhightower/envconfig.
func (w *walk) envconfig(field *types.Var, tag reflect.StructTag, prefix string, depth int) {
	if tag.Get("ignored") == "true" {
		return
	}
	name := field.Name()
	if tag.Get("split_words") == "true" {
		name = strings.Join(words.FindAllString(name, -1), "_")
	}
	alternative := tag.Get("envconfig")
	if alternative != "" {
		name = alternative
	}
	full := name
	if prefix != "" {
		full = prefix + "_" + name
	}
	full = strings.ToUpper(full)
	if inner := structOf(field.Type()); inner != nil && !isLeaf(field.Type()) {
		if field.Embedded() {
			full = prefix
		}
		w.fields(inner, full, depth+1)
		return
	}
	item := Item{Kind: "env", How: "tag envconfig", Usage: tag.Get("desc")}
	if said, ok := tag.Lookup("default"); ok {
		item.Default = &said
	}
	w.tell(item, full, tag.Get("required") == "true", field)
}

// isLeaf tells a struct that is one value: time.Time, or what decodes itself.
func isLeaf(kind types.Type) bool {
	methods := types.NewMethodSet(types.NewPointer(kind))
	for _, name := range []string{"Decode", "UnmarshalText", "Set", "UnmarshalBinary"} {
		for i := 0; i < methods.Len(); i++ {
			if methods.At(i).Obj().Name() == name {
				return true
			}
		}
	}
	return false
}

// flags reads the tags of kong and go-flags.
func (w *walk) flags(field *types.Var, tag reflect.StructTag, prefix string, depth int) {
	_, isCommand := tag.Lookup("cmd")
	_, isArgument := tag.Lookup("arg")
	_, isRequired := tag.Lookup("required")
	inner := structOf(field.Type())
	if inner != nil && !isLeaf(field.Type()) {
		deeper := *w
		deeper.isSure = w.isSure && !isCommand && tag.Get("command") == ""
		deeper.fields(inner, prefix+tag.Get("envprefix")+tag.Get("env-namespace"), depth+1)
		return
	}
	if isArgument || isCommand || tag.Get("kong") == "-" {
		return
	}
	name := tag.Get("name") + tag.Get("long")
	if name == "" && w.tags == "kong" {
		name = strings.ToLower(strings.Join(words.FindAllString(field.Name(), -1), "-"))
	}
	item := Item{
		Kind: "flag", Name: name, How: w.tags, Type: typeWord(field.Type()),
		Usage: tag.Get("help") + tag.Get("description"),
		// What a command asks for is not asked for by the others.
		Required: isRequired && tag.Get("required") != "false" && w.isSure,
	}
	if said, ok := tag.Lookup("default"); ok {
		item.Default = &said
	}
	for _, one := range strings.Split(tag.Get("env"), ",") {
		if one = strings.TrimSpace(one); one != "" {
			item.Env = append(item.Env, prefix+one)
		}
	}
	if len(item.Env) == 0 && w.byName && w.tags == "kong" {
		item.Env = []string{prefix + "_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))}
	}
	w.finder.emit(item, w.unit, w.at, w.function)
}

func (w *walk) tell(item Item, name string, required bool, field *types.Var) {
	item.Name = name
	// A variable with a default is there whatever the tag asks.
	item.Required = required && item.Default == nil && w.isSure
	if item.Type == "" {
		item.Type = typeWord(field.Type())
	}
	w.finder.emit(item, w.unit, w.at, w.function)
}
