package main

import (
	"go/ast"
	"go/token"
	"go/types"
	"strings"
)

// checked says of a read variable whether the program ends without it, and what it takes instead.
func (u *Unit) checked(call *ast.CallExpr, way []ast.Node, params map[types.Object]int) (bool, []part) {
	if len(way) < 2 {
		return false, nil
	}
	switch parent := way[len(way)-2].(type) {
	case *ast.CallExpr:
		// cmp.Or(os.Getenv("A"), "otherwise")
		if u.callee(parent) == "cmp.Or" && len(parent.Args) == 2 && parent.Args[0] == call {
			return false, u.parts(parent.Args[1], params)
		}
	case *ast.BinaryExpr:
		// if os.Getenv("A") == "" { … }
		if branch := branchOf(way); branch != nil && parent.Op == token.EQL && u.isFatal(branch.Body) {
			return true, nil
		}
	case *ast.AssignStmt:
		if len(parent.Rhs) != 1 {
			return false, nil
		}
		return u.checkedLater(parent, way[:len(way)-1], params)
	}
	return false, nil
}

// branchOf is the if whose condition a node stands in.
func branchOf(way []ast.Node) *ast.IfStmt {
	for i := len(way) - 1; i > 0; i-- {
		switch node := way[i].(type) {
		case ast.Expr:
			continue
		case *ast.IfStmt:
			return node
		default:
			_ = node
			return nil
		}
	}
	return nil
}

// checkedLater follows value, ok := os.LookupEnv("A") to the if behind it.
func (u *Unit) checkedLater(set *ast.AssignStmt, way []ast.Node, params map[types.Object]int) (bool, []part) {
	var names []types.Object
	for _, left := range set.Lhs {
		if ident, ok := left.(*ast.Ident); ok {
			object := u.info.Defs[ident]
			if object == nil {
				object = u.info.Uses[ident]
			}
			names = append(names, object)
		}
	}
	var behind []ast.Stmt
	if len(way) < 2 || len(names) == 0 {
		return false, nil
	}
	switch parent := way[len(way)-2].(type) {
	case *ast.IfStmt:
		behind = append(behind, parent)
		if len(way) > 2 {
			if block, ok := way[len(way)-3].(*ast.BlockStmt); ok {
				behind = append(behind, after(block, parent)...)
			}
		}
	case *ast.BlockStmt:
		behind = after(parent, set)
	}
	for i, statement := range behind {
		branch, ok := statement.(*ast.IfStmt)
		if !ok {
			continue
		}
		switch u.asks(branch.Cond, names) {
		case isMissing:
			if u.isFatal(branch.Body) {
				return true, nil
			}
			return false, u.taken(branch.Body, names, params)
		case isThere:
			if i+1 < len(behind) {
				last := &ast.BlockStmt{List: behind[i+1 : i+2]}
				if u.isFatal(last) {
					return true, nil
				}
				return false, u.taken(last, names, params)
			}
		}
	}
	return false, nil
}

func after(block *ast.BlockStmt, statement ast.Stmt) []ast.Stmt {
	for i, one := range block.List {
		if one == statement {
			return block.List[i+1:]
		}
	}
	return nil
}

type question int

const (
	isOther question = iota
	isMissing
	isThere
)

// asks says whether a condition holds when the variable is missing, or when it is there.
func (u *Unit) asks(condition ast.Expr, names []types.Object) question {
	named := func(e ast.Expr) bool {
		if call, ok := e.(*ast.CallExpr); ok && len(call.Args) == 1 {
			e = call.Args[0] // len(value), strings.TrimSpace(value)
		}
		ident, ok := e.(*ast.Ident)
		if !ok {
			return false
		}
		for _, name := range names {
			if name != nil && u.info.Uses[ident] == name {
				return true
			}
		}
		return false
	}
	switch condition := condition.(type) {
	case *ast.ParenExpr:
		return u.asks(condition.X, names)
	case *ast.Ident:
		if named(condition) {
			return isThere
		}
	case *ast.UnaryExpr:
		if condition.Op == token.NOT && named(condition.X) {
			return isMissing
		}
	case *ast.BinaryExpr:
		if condition.Op == token.LOR {
			if u.asks(condition.X, names) == isMissing || u.asks(condition.Y, names) == isMissing {
				return isMissing
			}
			return isOther
		}
		if condition.Op == token.LAND {
			if u.asks(condition.X, names) == isThere && u.asks(condition.Y, names) == isThere {
				return isThere
			}
			return isOther
		}
		said := u.value(condition.Y)
		isEmpty := said != nil && (*said == "" || *said == "0" || *said == "false")
		if named(condition.X) && isEmpty {
			switch condition.Op {
			case token.EQL:
				return isMissing
			case token.NEQ, token.GTR:
				return isThere
			}
		}
	}
	return isOther
}

// isFatal tells a block that ends the program, or returns an error.
func (u *Unit) isFatal(block *ast.BlockStmt) bool {
	for _, statement := range block.List {
		switch statement := statement.(type) {
		case *ast.ExprStmt:
			call, ok := statement.X.(*ast.CallExpr)
			if !ok {
				continue
			}
			if ident, ok := call.Fun.(*ast.Ident); ok && ident.Name == "panic" {
				return true
			}
			name := u.callee(call)
			last := name[strings.LastIndexByte(name, '.')+1:]
			isLog := strings.Contains(name, "log") || strings.Contains(name, "zap")
			if name == "os.Exit" || isLog && (strings.HasPrefix(last, "Fatal") || strings.HasPrefix(last, "Panic")) {
				return true
			}
		case *ast.ReturnStmt:
			if len(statement.Results) == 0 {
				continue
			}
			result := statement.Results[len(statement.Results)-1]
			known := u.info.Types[result]
			if known.Type != nil && !known.IsNil() && isError(known.Type) {
				return true
			}
		}
	}
	return false
}

func isError(kind types.Type) bool {
	universe := types.Universe.Lookup("error").Type()
	return types.AssignableTo(kind, universe)
}

// taken is what a block sets the variable to, or returns.
func (u *Unit) taken(block *ast.BlockStmt, names []types.Object, params map[types.Object]int) []part {
	if len(block.List) != 1 {
		return nil
	}
	switch statement := block.List[0].(type) {
	case *ast.AssignStmt:
		if len(statement.Lhs) == 1 && len(statement.Rhs) == 1 {
			if ident, ok := statement.Lhs[0].(*ast.Ident); ok && u.info.Uses[ident] == names[0] {
				return u.parts(statement.Rhs[0], params)
			}
		}
	case *ast.ReturnStmt:
		if len(statement.Results) >= 1 {
			return u.parts(statement.Results[0], params)
		}
	}
	return nil
}

// isSure tells a place that every run of the program comes by.
func (f *Finder) isSure(unit *Unit, way []ast.Node) bool {
	declared := around(way)
	if declared == nil {
		return true
	}
	for i, node := range way {
		switch node := node.(type) {
		case *ast.FuncLit, *ast.CaseClause, *ast.CommClause, *ast.ForStmt, *ast.DeferStmt:
			return false
		case *ast.IfStmt:
			if i+1 < len(way) && (way[i+1] == node.Body || way[i+1] == node.Else) {
				return false
			}
		}
	}
	function, ok := unit.info.Defs[declared.Name].(*types.Func)
	return ok && (f.sure[nameOf(function)] || declared.Name.Name == "init")
}

// surelyCalled are the functions that main calls whatever happens, directly or by others.
func (f *Finder) surelyCalled() map[string]bool {
	type body struct {
		unit     *Unit
		declared *ast.FuncDecl
	}
	bodies := map[string]body{}
	var waiting []string
	for _, unit := range f.units {
		for _, file := range unit.files {
			for _, one := range file.Decls {
				declared, ok := one.(*ast.FuncDecl)
				if !ok || declared.Body == nil {
					continue
				}
				function, ok := unit.info.Defs[declared.Name].(*types.Func)
				if !ok {
					continue
				}
				bodies[nameOf(function)] = body{unit, declared}
				if file.Name.Name == "main" && declared.Name.Name == "main" && declared.Recv == nil {
					waiting = append(waiting, nameOf(function))
				}
			}
		}
	}
	sure := map[string]bool{}
	for len(waiting) > 0 {
		name := waiting[0]
		waiting = waiting[1:]
		one, ok := bodies[name]
		if sure[name] || !ok {
			continue
		}
		sure[name] = true
		ast.Inspect(one.declared.Body, func(node ast.Node) bool {
			switch node := node.(type) {
			case *ast.FuncLit, *ast.CaseClause, *ast.CommClause, *ast.ForStmt, *ast.DeferStmt:
				return false
			case *ast.IfStmt:
				for _, part := range []ast.Node{node.Init, node.Cond} {
					if part != nil {
						ast.Inspect(part, func(inner ast.Node) bool {
							if call, ok := inner.(*ast.CallExpr); ok {
								waiting = append(waiting, one.unit.callee(call))
							}
							_, isClosure := inner.(*ast.FuncLit)
							return !isClosure
						})
					}
				}
				return false
			case *ast.CallExpr:
				waiting = append(waiting, one.unit.callee(node))
			}
			return true
		})
	}
	return sure
}
