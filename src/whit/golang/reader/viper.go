package main

import (
	"go/ast"
	"go/types"
	"reflect"
	"sort"
	"strings"
)

// viperUse is what a program asks of viper, which makes names of keys: with the prefix app the key
// db.host is APP_DB_HOST, once a replacer makes an underscore of the dot.
type viperUse struct {
	isAutomatic bool
	bindsFlags  bool
	prefixes    map[string]string // by package
	replaced    []string
	keys        []viperKey
	bound       []viperKey
	tag         string
	roots       []viperRoot
	where       *Unit
	at          ast.Node
}

// viperRoot is a struct that viper fills.
type viperRoot struct {
	fields   *types.Struct
	unit     *Unit
	at       ast.Node
	function string
}

type viperKey struct {
	key, flag, env string
	initial        *string
	typed          string
	unit           *Unit
	at             ast.Node
	function       string
}

const viperPath = "github.com/spf13/viper."

func (f *Finder) viperCall(unit *Unit, name string, call *ast.CallExpr, way []ast.Node) {
	if !strings.Contains(name, viperPath) || isBelow(unit.ImportPath, "github.com/spf13/viper") {
		return
	}
	v := &f.viper
	if v.prefixes == nil {
		v.prefixes = map[string]string{}
	}
	one := viperKey{unit: unit, at: call, function: linkerName(unit, around(way))}
	if len(call.Args) > 0 {
		one.key = unit.text(call.Args[0])
	}
	method := name[strings.LastIndexByte(name, '.')+1:]
	switch {
	case method == "AutomaticEnv":
		v.isAutomatic, v.where, v.at = true, unit, call
	case method == "SetEnvPrefix":
		v.prefixes[unit.ImportPath] = one.key
	case method == "SetEnvKeyReplacer":
		for _, argument := range call.Args {
			if inner, ok := argument.(*ast.CallExpr); ok {
				for _, word := range inner.Args {
					v.replaced = append(v.replaced, unit.text(word))
				}
			}
		}
	case method == "BindEnv" || method == "MustBindEnv":
		if len(call.Args) == 1 {
			v.bound = append(v.bound, one)
		}
		for _, argument := range call.Args[1:] {
			one.env = unit.text(argument)
			v.bound = append(v.bound, one)
		}
	case method == "SetDefault" && len(call.Args) == 2:
		one.initial, one.typed = unit.value(call.Args[1]), typeWord(unit.info.TypeOf(call.Args[1]))
		v.keys = append(v.keys, one)
	case method == "BindPFlag" && len(call.Args) == 2:
		if inner, ok := call.Args[1].(*ast.CallExpr); ok && len(inner.Args) == 1 {
			one.flag = unit.text(inner.Args[0])
		}
		v.keys = append(v.keys, one)
	case method == "BindPFlags":
		v.bindsFlags = true
	case (strings.HasPrefix(method, "Get") || method == "IsSet") && len(call.Args) == 1:
		one.typed = map[string]string{
			"GetBool": "bool", "GetInt": "int", "GetInt64": "int", "GetDuration": "duration",
		}[method]
		v.keys = append(v.keys, one)
	}
}

// tagName notes dc.TagName = "cfg": the tag that a program has viper read instead of mapstructure.
func (f *Finder) tagName(unit *Unit, set *ast.AssignStmt) {
	if len(set.Lhs) != 1 || len(set.Rhs) != 1 {
		return
	}
	selector, ok := set.Lhs[0].(*ast.SelectorExpr)
	if ok && selector.Sel.Name == "TagName" {
		f.viper.tag = unit.text(set.Rhs[0])
	}
}

// walk takes the keys of a struct that viper fills.
func (v *viperUse) walk(root viperRoot, fields *types.Struct, prefix string, depth int) {
	if depth > maxNested {
		return
	}
	tagName := v.tag
	if tagName == "" {
		tagName = "mapstructure"
	}
	for i := 0; i < fields.NumFields(); i++ {
		field, tag := fields.Field(i), reflect.StructTag(fields.Tag(i))
		parts := strings.Split(tag.Get(tagName), ",")
		name, isSquashed := parts[0], len(parts) > 1 && parts[1] == "squash"
		if name == "-" || !field.Exported() || len(parts) > 1 && parts[1] == "internal" {
			continue
		}
		if name == "" && tagName == "mapstructure" {
			name = strings.ToLower(field.Name())
		}
		if inner := structOf(field.Type()); inner != nil && !isLeaf(field.Type()) {
			deeper := prefix + name + "."
			if isSquashed {
				deeper = prefix
			}
			v.walk(root, inner, deeper, depth+1)
		} else if name != "" {
			v.keys = append(v.keys, viperKey{
				key: prefix + name, flag: tag.Get("flag"), typed: typeWord(field.Type()),
				unit: root.unit, at: root.at, function: root.function,
			})
		}
	}
}

// tagged finds the structs of the program's own packages that have the tag it chose: what fills
// them is often handed an interface, so that no call names the type.
func (f *Finder) tagged() {
	v := &f.viper
	if v.tag == "" {
		return
	}
	nested := map[types.Type]bool{}
	var roots []*types.TypeName
	for _, unit := range f.units {
		if unit.types == nil || !isBelow(unit.ImportPath, f.own) {
			continue
		}
		for _, name := range unit.types.Scope().Names() {
			named, ok := unit.types.Scope().Lookup(name).(*types.TypeName)
			if !ok {
				continue
			}
			fields, ok := named.Type().Underlying().(*types.Struct)
			if !ok {
				continue
			}
			isTagged := false
			for i := 0; i < fields.NumFields(); i++ {
				if reflect.StructTag(fields.Tag(i)).Get(v.tag) != "" {
					isTagged = true
					if structOf(fields.Field(i).Type()) != nil {
						nested[fields.Field(i).Type()] = true
					}
				}
			}
			if isTagged {
				roots = append(roots, named)
			}
		}
	}
	for _, root := range roots {
		if !nested[root.Type()] {
			v.roots = append(v.roots, viperRoot{root.Type().Underlying().(*types.Struct), v.where, v.at, ""})
		}
	}
}

func (f *Finder) finishViper() {
	v := &f.viper
	if v.isAutomatic {
		f.tagged()
		if v.bindsFlags {
			v.keys = append(v.keys, f.flags...)
		}
		for _, root := range v.roots {
			v.walk(root, root.fields, "", 0)
		}
	}
	for _, one := range v.bound {
		name := one.env
		if name == "" {
			name = v.named(one)
		}
		f.emit(Item{Kind: "env", Name: name, How: "viper"}, one.unit, one.at, one.function)
	}
	if !v.isAutomatic {
		return
	}
	sort.SliceStable(v.keys, func(i, j int) bool { return v.keys[i].key < v.keys[j].key })
	for _, one := range v.keys {
		name := v.named(one)
		if one.key == "" || one.unit == nil || strings.ContainsAny(name, ".- ") {
			continue
		}
		f.emit(Item{
			Kind: "env", Name: name, How: "viper", Default: one.initial, Type: one.typed, Flag: one.flag,
		}, one.unit, one.at, one.function)
	}
	if prefix := v.prefix(""); prefix != "" {
		f.emit(Item{Kind: "prefix", Name: strings.ToUpper(prefix) + "_", How: "viper"}, v.where, v.at, "")
	}
}

// prefix is the package's own, or the only one that there is.
func (v *viperUse) prefix(path string) string {
	if own, ok := v.prefixes[path]; ok {
		return own
	}
	if len(v.prefixes) == 1 {
		for _, one := range v.prefixes {
			return one
		}
	}
	return ""
}

func (v *viperUse) named(one viperKey) string {
	name := one.key
	if prefix := v.prefix(one.unit.ImportPath); prefix != "" {
		name = prefix + "_" + name
	}
	name = strings.ToUpper(name)
	if len(v.replaced) > 1 && len(v.replaced)%2 == 0 {
		name = strings.NewReplacer(v.replaced...).Replace(name)
	}
	return name
}
