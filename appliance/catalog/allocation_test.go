//go:build !race

package catalog

import (
	"path/filepath"
	"testing"

	"penstock/wire"
)

func TestColumnsAllocatesNothing(t *testing.T) {
	c := open(t, filepath.Join(t.TempDir(), "catalog.json"))
	if err := c.SetColumns("cooltopic", &wire.Columns{Time: "ts", Key: "sk"}); err != nil {
		t.Fatal(err)
	}
	known, unknown := []byte("cooltopic"), []byte("a-topic-that-nobody-described-and-whose-name-is-long")
	var tables wire.Tables = c
	if n := testing.AllocsPerRun(1000, func() {
		if tables.Columns(known) == nil || tables.Columns(unknown) != nil {
			t.Error("wrong answer")
		}
	}); n != 0 {
		t.Errorf("%v allocations per lookup", n)
	}
}
