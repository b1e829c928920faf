package e2e

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"testing"
)

// mallocsMax is the promise: mallocs of the whole process per request under load.
const mallocsMax = 0.01

// segmentMallocs is what a segment's life may cost beside, segmentBytes what fits one.
const (
	segmentMallocs = 40
	segmentBytes   = 256 << 20
)

// The process's own malloc counter, over a million single events and over many 64 KiB batches. PENSTOCK_BATCHES raises the number of
// batches (each is 64 KiB on disk; retention keeps the directory small).
func TestMallocsPerRequest(t *testing.T) {
	singles, batches := 1_000_000, 50_000
	if testing.Short() {
		singles, batches = 50_000, 2_000
	}
	if n, err := strconv.Atoi(os.Getenv("PENSTOCK_BATCHES")); err == nil {
		batches = n
	}
	event := []byte(`{"ts":1474921202000,"sk":"u42","event":"page view","url":"https://shop.example/p/17?ref=mail","ms":183.5,"tags":["a","b"],"pad":"` +
		"0123456789012345678901234567890123456789012345678901234567890123456789" + `"}`)
	ndjson := bytes.Repeat(append(bytes.Clone(event), '\n'), 64<<10/(len(event)+1))
	const connections = 32
	for _, c := range []struct {
		name     string
		request  []byte
		requests int
		depth    int
	}{
		{"single events, one at a time", addEvents("singles", event), singles / 2, 1},
		{"single events, pipelined by 16", addEvents("singles", event), singles / 2, 16},
		{"batches of 64 KiB", addEvents("batches", ndjson), batches, 1},
	} {
		for _, ack := range []string{"disk", "log"} {
			t.Run(fmt.Sprintf("%s, %s", c.name, ack), func(t *testing.T) {
				s := start(t, t.TempDir(), "--ack", ack, "--retention-bytes", "1GiB")
				p := newPump(t, s.HTTP, c.request, connections)
				p.send(200, c.depth) // workers, tickets and buffers come into being
				// More requests under way than ever before make workers, once: they are not there the next time.
				for turn := 1; ; turn++ {
					per := p.mallocsOf(s, c.requests/connections*connections, len(c.request), c.depth)
					if per < mallocsMax || testing.Short() {
						return
					}
					if turn == 3 {
						t.Fatalf("%.5f mallocs a request, and not for the first time; the promise is less than %v", per, mallocsMax)
					}
				}
			})
		}
	}
}

// mallocsOf sends n requests and returns how many mallocs each cost, but those of the segments that they filled.
func (p *pump) mallocsOf(s *server, n, bytes, depth int) float64 {
	scrape := -s.mallocs() + s.mallocs() // asking costs some, too
	before := s.mallocs()
	p.send(n/len(p.conns), depth)
	grown := s.mallocs() - before - scrape
	segments := float64(n*bytes) / segmentBytes
	s.t.Logf("%d requests, %.0f mallocs, %.5f a request; they filled %.1f segments", n, grown, grown/float64(n), segments)
	return (grown - segmentMallocs*segments) / float64(n)
}

func (s *server) mallocs() float64 {
	s.t.Helper()
	return s.metric("go_memstats_mallocs_total")
}
