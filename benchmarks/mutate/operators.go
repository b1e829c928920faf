package main

import (
	"bytes"
	"cmp"
	"fmt"
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"math/rand/v2"
	"slices"
	"strings"
)

// mutant is one change of one file.
type mutant struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Kind   string `json:"kind"`
	Start  int    `json:"start"` // what is replaced, as offsets into the file
	End    int    `json:"end"`
	Old    string `json:"old"`
	New    string `json:"new"`
	Source string `json:"source"` // the hash of the file
}

func (m mutant) apply(text []byte) []byte {
	return slices.Concat(text[:m.Start], []byte(m.New), text[m.End:])
}

// String is the file, the line, and the change, in one line.
func (m mutant) String() string {
	return fmt.Sprintf("%s:%d %s: `%s` → `%s`", m.File, m.Line, m.Kind, short(m.Old), short(m.New))
}

func short(code string) string {
	code = strings.Join(strings.Fields(code), " ")
	if len(code) > 60 {
		code = code[:57] + "…"
	}
	return code
}

// operators is what a binary operator or an assignment's becomes. A comparison has two mutants: its bound, and its opposite.
var operators = map[token.Token][]token.Token{
	token.LSS: {token.LEQ, token.GEQ}, token.LEQ: {token.LSS, token.GTR}, token.GTR: {token.GEQ, token.LEQ}, token.GEQ: {token.GTR, token.LSS},
	token.EQL: {token.NEQ}, token.NEQ: {token.EQL}, token.LAND: {token.LOR}, token.LOR: {token.LAND},
	token.ADD: {token.SUB}, token.SUB: {token.ADD}, token.MUL: {token.QUO}, token.QUO: {token.MUL}, token.REM: {token.MUL},
	token.AND: {token.OR}, token.OR: {token.AND}, token.XOR: {token.AND}, token.AND_NOT: {token.AND}, token.SHL: {token.SHR}, token.SHR: {token.SHL},
	token.ADD_ASSIGN: {token.SUB_ASSIGN}, token.SUB_ASSIGN: {token.ADD_ASSIGN}, token.MUL_ASSIGN: {token.QUO_ASSIGN},
	token.QUO_ASSIGN: {token.MUL_ASSIGN}, token.REM_ASSIGN: {token.MUL_ASSIGN}, token.AND_ASSIGN: {token.OR_ASSIGN},
	token.OR_ASSIGN: {token.AND_ASSIGN}, token.XOR_ASSIGN: {token.AND_ASSIGN}, token.AND_NOT_ASSIGN: {token.AND_ASSIGN},
	token.SHL_ASSIGN: {token.SHR_ASSIGN}, token.SHR_ASSIGN: {token.SHL_ASSIGN},
	token.INC: {token.DEC}, token.DEC: {token.INC},
}

// finder collects a file's mutants.
type finder struct {
	p     *source
	name  string
	file  *token.File
	text  []byte
	hash  string
	found []mutant
}

// mutants are those of all files, or of some, that compile.
func (p *source) mutants(only string) ([]mutant, error) {
	var found []mutant
	for i, f := range p.files {
		name := p.GoFiles[i]
		if only != "" && !slices.Contains(strings.Split(only, ","), name) {
			continue
		}
		find := finder{p: p, name: name, file: p.fset.File(f.FileStart), text: p.text[name], hash: hashOf(p.text[name])}
		find.walk(f, nil)
		found = append(found, find.found...)
	}
	slices.SortStableFunc(found, func(a, b mutant) int { return cmp.Or(cmp.Compare(a.File, b.File), a.Start-b.Start) })
	found = slices.DeleteFunc(found, func(m mutant) bool { return !p.compiles(m) })
	if len(found) == 0 {
		return nil, fmt.Errorf("nothing to mutate")
	}
	return found, nil
}

// draw takes a sample of n, the same for a seed, in the order of the files.
func draw(mutants []mutant, n int, seed uint64) []mutant {
	if n == 0 || n >= len(mutants) {
		return mutants
	}
	places := rand.New(rand.NewPCG(seed, 0)).Perm(len(mutants))[:n]
	slices.Sort(places)
	var drawn []mutant
	for _, i := range places {
		drawn = append(drawn, mutants[i])
	}
	return drawn
}

func (f *finder) replace(kind string, from, to token.Pos, with string) {
	start, end := f.file.Offset(from), f.file.Offset(to)
	f.found = append(f.found, mutant{File: f.name, Line: f.file.Line(from), Kind: kind, Start: start, End: end,
		Old: string(f.text[start:end]), New: with, Source: f.hash})
}

func (f *finder) code(n ast.Node) string {
	return string(f.text[f.file.Offset(n.Pos()):f.file.Offset(n.End())])
}

// walk looks at a node and what is in it; within is what it is in.
func (f *finder) walk(n ast.Node, within []ast.Node) {
	ast.PreorderStack(n, within, func(n ast.Node, stack []ast.Node) bool {
		switch n := n.(type) {
		case *ast.BinaryExpr:
			f.swap("operator", n.OpPos, n.Op)
		case *ast.IncDecStmt:
			f.swap("operator", n.TokPos, n.Tok)
		case *ast.AssignStmt:
			f.swap("operator", n.TokPos, n.Tok)
		case *ast.UnaryExpr:
			switch n.Op {
			case token.NOT, token.SUB, token.XOR:
				f.replace("operator", n.OpPos, n.X.Pos(), "")
			}
		case *ast.Ident:
			if v := f.p.types.Types[n].Value; v != nil && v.Kind() == constant.Bool && (n.Name == "true" || n.Name == "false") {
				f.replace("constant", n.Pos(), n.End(), fmt.Sprint(n.Name == "false"))
			}
		case *ast.IfStmt:
			if v := f.p.types.Types[n.Cond].Value; v != nil {
				f.decided(n, constant.BoolVal(v), append(stack, n))
				return false
			}
			f.condition(n.Cond)
		case *ast.ForStmt:
			f.condition(n.Cond)
		case *ast.BlockStmt:
			f.statements(n.List)
		case *ast.CaseClause:
			f.statements(n.Body)
		case *ast.CommClause:
			f.statements(n.Body)
		case *ast.ReturnStmt:
			f.returns(n, stack)
		}
		return true
	})
}

// decided looks only at what is compiled of an if on a constant: other build tags compile the rest.
func (f *finder) decided(s *ast.IfStmt, holds bool, within []ast.Node) {
	switch {
	case holds:
		f.walk(s.Body, within)
	case s.Else != nil:
		f.walk(s.Else, within)
	}
}

func (f *finder) swap(kind string, at token.Pos, op token.Token) {
	for _, other := range operators[op] {
		f.replace(kind, at, at+token.Pos(len(op.String())), other.String())
	}
}

// condition negates what has no operator that is mutated anyway.
func (f *finder) condition(c ast.Expr) {
	switch c := c.(type) {
	case nil, *ast.BinaryExpr:
	case *ast.UnaryExpr: // a !, which goes
	case *ast.Ident:
		if c.Name != "true" && c.Name != "false" {
			f.replace("condition", c.Pos(), c.End(), "!"+c.Name)
		}
	default:
		f.replace("condition", c.Pos(), c.End(), "!("+f.code(c)+")")
	}
}

// statements drops each statement that does something. What is computed for an assignment still is, so that its variables stay used.
func (f *finder) statements(list []ast.Stmt) {
	for _, s := range list {
		switch s := s.(type) {
		case *ast.ExprStmt, *ast.IncDecStmt, *ast.DeferStmt, *ast.GoStmt, *ast.SendStmt:
			f.replace("dropped", s.Pos(), s.End(), "{}")
		case *ast.BranchStmt:
			if s.Tok != token.FALLTHROUGH {
				f.replace("dropped", s.Pos(), s.End(), "{}")
			}
		case *ast.AssignStmt:
			f.assignment(s)
		}
	}
}

func (f *finder) assignment(s *ast.AssignStmt) {
	if s.Tok == token.DEFINE || bytes.HasPrefix([]byte(f.code(s)), []byte("_")) {
		return
	}
	nowhere := strings.TrimSuffix(strings.Repeat("_, ", len(s.Lhs)), ", ")
	values := string(f.text[f.file.Offset(s.Rhs[0].Pos()):f.file.Offset(s.End())])
	with := nowhere + " = " + values
	for _, v := range s.Rhs {
		if f.p.types.Types[v].IsNil() {
			with = "{}"
		}
	}
	f.replace("dropped", s.Pos(), s.End(), with)
}

// returns turns each result into its type's zero, or a zero number into 1, or a truth into its opposite.
func (f *finder) returns(s *ast.ReturnStmt, stack []ast.Node) {
	var signature *ast.FuncType
	for _, n := range stack {
		switch n := n.(type) {
		case *ast.FuncDecl:
			signature = n.Type
		case *ast.FuncLit:
			signature = n.Type
		}
	}
	var results []ast.Expr // their types
	if signature.Results != nil {
		for _, field := range signature.Results.List {
			for range max(1, len(field.Names)) {
				results = append(results, field.Type)
			}
		}
	}
	if len(results) != len(s.Results) {
		return // bare, or a call's results handed on
	}
	for i, e := range s.Results {
		if with := f.other(e, results[i]); with != "" {
			f.replace("returned", e.Pos(), e.End(), with)
		}
	}
}

// other is another value for an expression of that type, or nothing.
func (f *finder) other(e, result ast.Expr) string {
	t := f.p.types.Types[result].Type
	if t == nil {
		return ""
	}
	value := f.p.types.Types[e].Value
	basic, _ := t.Underlying().(*types.Basic)
	switch {
	case f.p.types.Types[e].IsNil():
		return ""
	case basic != nil && basic.Info()&types.IsBoolean != 0:
		if _, compares := e.(*ast.BinaryExpr); compares || value != nil {
			return "" // mutated as an operator or a constant
		}
		return "!(" + f.code(e) + ")"
	case basic != nil && basic.Info()&types.IsNumeric != 0:
		if value != nil && constant.Sign(value) == 0 {
			return "1"
		}
		return "0"
	case basic != nil && basic.Info()&types.IsString != 0:
		if value != nil && constant.StringVal(value) == "" {
			return ""
		}
		return `""`
	}
	if c, ok := e.(*ast.CompositeLit); ok && len(c.Elts) == 0 {
		return ""
	}
	if _, parameter := t.(*types.TypeParam); parameter {
		return ""
	}
	return "*new(" + f.code(result) + ")"
}
