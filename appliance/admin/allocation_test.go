//go:build !race

package admin

import (
	"testing"

	"penstock/segstore"
)

func TestLineAllocatesNothing(t *testing.T) {
	dst := make([]byte, 0, 4096)
	for name, value := range map[string]string{"JSON": `{"a":[1,2,{"b":"c"}]}`, "text": "GET / HTTP/1.1", "bytes": "\xff\xfe"} {
		r := segstore.Record{Key: []byte("k"), Value: []byte(value)}
		if n := testing.AllocsPerRun(100, func() { dst = AppendLine(dst[:0], "t", 0, &r, false) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
