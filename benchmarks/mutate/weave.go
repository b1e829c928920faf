package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"slices"
	"strings"
)

// chosen is the environment variable that says which mutant a woven program is.
const chosen = "PENSTOCK_MUTANT"

// chooser is the file that is added to a woven package.
const chooser = `package %s

import (
	"os"
	"strconv"
)

var mutant__, _ = strconv.Atoi(os.Getenv("` + chosen + `"))
`

// woven is the package with many mutants in it, so that it is compiled once. A function with mutants is there once as it was and once for each
// mutant, whole, as name__number; the first begins with a switch that hands over to the chosen one.
type woven struct {
	files   map[string][]byte // to lay over
	numbers map[mutant]int    // from 1
}

// weave takes the mutants that are inside of functions; those of a package's variables, and of functions with type parameters, stay out.
func (p *source) weave(mutants []mutant) woven {
	w := woven{files: map[string][]byte{"mutant__.go": fmt.Appendf(nil, chooser, p.files[0].Name.Name)}, numbers: map[mutant]int{}}
	for i, f := range p.files {
		name := p.GoFiles[i]
		var text bytes.Buffer
		done := 0
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Body == nil || fn.Type.TypeParams != nil || fn.Name.Name == "init" {
				continue
			}
			file := p.fset.File(f.FileStart)
			start, end := file.Offset(fn.Pos()), file.Offset(fn.End())
			var inside []mutant
			for _, m := range mutants {
				if m.File == name && m.Start >= start && m.End <= end {
					w.numbers[m] = len(w.numbers) + 1
					inside = append(inside, m)
				}
			}
			if len(inside) == 0 {
				continue
			}
			text.Write(p.text[name][done:start])
			function{fn, p.text[name], func(n ast.Node) (int, int) { return file.Offset(n.Pos()), file.Offset(n.End()) }}.write(&text, inside, w.numbers)
			done = end
		}
		if done > 0 {
			text.Write(p.text[name][done:])
			w.files[name] = text.Bytes()
		}
	}
	return w
}

// function is one to be woven.
type function struct {
	*ast.FuncDecl
	text    []byte
	offsets func(ast.Node) (from, to int)
}

func (f function) code(n ast.Node) string {
	from, to := f.offsets(n)
	return string(f.text[from:to])
}

// named writes a list of parameters in which each has a name, so that all can be handed over.
func (f function) named(list *ast.FieldList, prefix string) (parameters string, arguments []string) {
	var all []string
	for _, field := range list.List {
		names := field.Names
		if len(names) == 0 {
			names = []*ast.Ident{nil}
		}
		_, spread := field.Type.(*ast.Ellipsis)
		for _, n := range names {
			name := fmt.Sprint(prefix, len(all), "__")
			if n != nil && n.Name != "_" {
				name = n.Name
			}
			all = append(all, name+" "+f.code(field.Type))
			if spread {
				name += "..."
			}
			arguments = append(arguments, name)
		}
	}
	return "(" + strings.Join(all, ", ") + ")", arguments
}

func (f function) write(w *bytes.Buffer, mutants []mutant, numbers map[mutant]int) {
	parameters, arguments := f.named(f.Type.Params, "p")
	receiver, call := "", f.Name.Name
	if f.Recv != nil {
		list, names := f.named(f.Recv, "r")
		receiver, call = list+" ", names[0]+"."+call
	}
	results := ""
	hand := "%s__%d(%s); return\n"
	if f.Type.Results != nil {
		results = f.code(f.Type.Results)
		hand = "return %s__%d(%s)\n"
	}
	fmt.Fprintf(w, "func %s%s%s %s {\nswitch mutant__ {\n", receiver, f.Name.Name, parameters, results)
	for _, m := range mutants {
		fmt.Fprintf(w, "case %d: "+hand, numbers[m], call, numbers[m], strings.Join(arguments, ", "))
	}
	from, to := f.offsets(f.Body)
	fmt.Fprintf(w, "}\n%s\n", f.text[from+1:to])
	start, end := f.offsets(f.FuncDecl)
	_, behindName := f.offsets(f.Name)
	nameStart := behindName - len(f.Name.Name)
	for _, m := range mutants {
		copied := slices.Concat(f.text[start:nameStart], fmt.Appendf(nil, "%s__%d", f.Name.Name, numbers[m]), f.text[behindName:m.Start], []byte(m.New), f.text[m.End:end])
		fmt.Fprintf(w, "\n%s\n", copied)
	}
}
