//go:build !race

package graphite

import (
	"bytes"
	"strings"
	"testing"

	"penstock/wire"
)

// Neither accepting nor refusing allocates, once a worker has seen its usual frame.
func TestAllocations(t *testing.T) {
	templates := Settings{Tags: Templates, Templates: []string{`^servers .metric.host.metric* [.,_] dc=eu`, `drop`}}
	cases := []struct {
		name     string
		settings Settings
		stream   string
		frame    string
		records  int
		rejected int
		code     wire.Code
	}{
		{"line", Settings{}, "graphite", "servers.web01.cpu.user 42.5 1474921202", 1, 0, wire.OK},
		{"spelled otherwise", Settings{}, "graphite", "servers.web01.cpu.user +0042.d 1474921202.5", 1, 0, wire.OK},
		{"largest double", Settings{}, "graphite", "servers.web01.cpu.user 1.79769313486231570e308 -1", 1, 0, wire.OK},
		{"quoted", Settings{}, "graphite", `"servers.web01.cpu user" 42 1474921202`, 1, 0, wire.OK},
		{"not UTF-8", Settings{}, "graphite", "servers.web01.caf\xe9 42 1474921202", 1, 0, wire.OK},
		{"tagged", Settings{Tags: GraphiteTags}, "graphite", "cpu;host=web01;dc=eu;a=b 42 1474921202", 1, 0, wire.OK},
		{"plain", Settings{Tags: NoTags}, "graphite", "servers.web01 42 1474921202", 1, 0, wire.OK},
		{"template", templates, "graphite", "servers.web01.cpu.user 42 1474921202", 1, 0, wire.OK},
		{"no template", templates, "graphite", "web01.cpu.user 42 1474921202", 1, 0, wire.OK},
		{"empty line", Settings{}, "graphite", " ", 0, 0, wire.OK},

		{"dropped line", Settings{}, "graphite", "two.parts 42 1474921202", 0, 0, wire.Dropped},
		{"dropped by template", templates, "graphite", "drop 42 1474921202", 0, 0, wire.Dropped},
		{"bad value", Settings{}, "graphite", "servers.web01.cpu.user x 1474921202", 0, 0, wire.BadNumber},
		{"too few words", Settings{}, "graphite", "servers.web01.cpu.user 1", 0, 0, wire.BadLine},

		{"500 points", Settings{}, "pickle", string(goldenFrame(t, "carbon_relay_500")), 500, 0, wire.OK},
		{"500 points by template", templates, "pickle", string(goldenFrame(t, "carbon_relay_500")), 500, 0, wire.OK},
		{"protocol 0", Settings{}, "pickle", string(goldenFrame(t, "protocol0_tuples")), 8, 0, wire.OK},
		{"protocol 1", Settings{}, "pickle", string(goldenFrame(t, "protocol1_lists")), 8, 0, wire.OK},
		{"protocol 5", Settings{}, "pickle", string(goldenFrame(t, "protocol5_tuples")), 8, 0, wire.OK},
		{"Python 2", Settings{}, "pickle", string(goldenFrame(t, "python2_protocol0")), 2, 0, wire.OK},
		{"one series", Settings{}, "pickle", "](" + strings.Repeat("U\x05a.h.xK\x01K\x02\x86\x86", 1000) + "e.", 1, 0, wire.OK},

		{"points refused", Settings{}, "pickle", string(goldenFrame(t, "shapes")), 1, 10, wire.OK},
		{"all points refused", Settings{}, "pickle", "](" + strings.Repeat("N", 3000) + "e.", 0, 3000, wire.OK},
		{"evil", Settings{}, "pickle", string(goldenFrame(t, "unsafe_reduce_4")), 0, 0, wire.UnsafePickle},
		{"cut", Settings{}, "pickle", string(goldenFrame(t, "carbon_relay_500")[:20000]), 0, 0, wire.BadPickle},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			parser := open(t, c.settings, c.stream)
			req := request([]byte(c.frame))
			var b wire.Batch
			run := func() {
				b.Reset()
				code := codeOf(parser.Parse(req, &b))
				if _, rejected := b.Rejected(); code != c.code || len(b.Records) != c.records || rejected != c.rejected {
					t.Fatalf("%v with %d records and %d rejected, want %v with %d and %d",
						code, len(b.Records), rejected, c.code, c.records, c.rejected)
				}
			}
			for range 3 {
				run() // the scratch finds its size
			}
			if n := testing.AllocsPerRun(20, run); n != 0 {
				t.Errorf("%v allocations", n)
			}
		})
	}
}

func TestAllocations_Split(t *testing.T) {
	frame := append([]byte{0, 0, 0, 2}, "]."...)
	tooLong := bytes.Repeat([]byte("x"), DefaultMaxLine+2)
	for i, buf := range [][]byte{[]byte("a.h.x 1 1\r\n"), frame} {
		split := Format.Streams[i].NewSplit()
		n := testing.AllocsPerRun(20, func() {
			if advance, got, fault := split(buf, true); advance != len(buf) || got == nil || fault != nil {
				t.Fatalf("%q: %d, %q, %v", buf, advance, got, fault)
			}
			split(buf[:1], true)
			split(tooLong, true)
		})
		if n != 0 {
			t.Errorf("%v allocations for %q", n, buf)
		}
	}
}
