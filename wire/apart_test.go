package wire

import (
	"strconv"
	"testing"
)

// A series comes first once in a request, whatever it is called on the wire, and once again in the next; and there is an end to what is counted.
func TestApart(t *testing.T) {
	var a Apart
	var o Outlines
	learn := func(sent, name string) Outline {
		o.Find(0, []byte(sent), nil)
		return o.Learn(0, []byte(sent), nil, &Metric{Name: []byte(name)}, Source{Wire: "w"})
	}
	same, other := learn("same", "same"), learn("same by another name", "same")
	for range 3 {
		a.Begin()
		for i := range mostApart - 1 {
			name := strconv.Itoa(i)
			if !a.First(learn(name, name)) {
				t.Fatalf("series %s came before", name)
			}
		}
		if !a.First(same) {
			t.Error("one more came before")
		}
		a.Begin()
		if !a.First(same) || a.First(same) || a.First(other) {
			t.Error("a series comes first twice, or not at all")
		}
	}
	a.Begin()
	for i := range mostApart {
		a.First(learn("x", strconv.Itoa(i)))
	}
	if a.First(learn("y", "y")) {
		t.Error("there is no end")
	}
	a.round = 1<<roundBits - 1 // what is there of the first rounds must not be taken for that of the next ones
	if a.Begin(); a.round != 1 || a.slots != [2 * mostApart]uint32{} {
		t.Error("rounds that begin anew find what was there")
	}
}
