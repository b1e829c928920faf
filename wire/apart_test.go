package wire

import (
	"strconv"
	"testing"
)

// A series comes first once in a request, whatever it is called on the wire, and once again in the next, as many as are remembered. What is
// not remembered may have come.
func TestApart(t *testing.T) {
	var a Apart
	var o Outlines
	learn := func(sent, name string) Outline {
		o.Find(0, []byte(sent), nil)
		return o.Learn(0, []byte(sent), nil, &Metric{Name: []byte(name)}, Source{Wire: "w"})
	}
	first := func(o Outline) bool { return a.First(&o) }
	all := []Outline{learn("same", "same")}
	other := learn("same by another name", "same")
	for i := range mostOutlines - 2 {
		name := strconv.Itoa(i)
		all = append(all, learn(name, name))
	}
	for round := range 3 {
		a.Begin()
		for i, series := range all {
			if i%(round+1) == 0 && !a.First(&series) {
				t.Fatalf("round %d: series %d came before", round, i)
			}
		}
		for i, series := range all {
			if a.First(&series) != (i%(round+1) != 0) {
				t.Fatalf("round %d: series %d comes first twice, or not at all", round, i)
			}
		}
		if a.First(&other) {
			t.Error("a series comes first twice, by two names")
		}
		if first(learn("a stranger", "a stranger")) {
			t.Error("what is not remembered is known not to have come")
		}
	}
	for o.strangers < mostOutlines {
		learn("a stranger", "a stranger")
	}
	o.Begin(nil)
	if a.Begin(); !first(learn("same by another name", "same")) || first(learn("same", "same")) {
		t.Error("a series does not come first once its outlines are forgotten")
	}
}
