package fuzz

import (
	"fmt"
	"testing"

	"penstock/wire"
	"penstock/wire/kairosdb"
)

// knownStreams are those whose parsers remember series. A byte of the input picks one.
var knownStreams = func() (streams []wire.Stream) {
	streams = append(streams, kairosdb.New(kairosdb.Settings{}).Streams...)
	for _, format := range graphiteFormats {
		streams = append(streams, format.Streams...)
	}
	return streams
}()

// FuzzKnown gives a stream's frames to a parser that has seen them and to new ones, which must make the same of them.
func FuzzKnown(f *testing.F) {
	f.Add([]byte("putt m 1 2 a=b\nputs m 1 2 a=b\nput m 1 2 a=b\n"), byte(0))
	for which := range knownStreams {
		for _, format := range []string{"kairosdb", "graphite"} {
			for _, c := range goldens(f, format) {
				if c.Path == knownStreams[which].Name && len(c.Body) <= attackLimit {
					f.Add(c.Body, byte(which))
				}
			}
		}
	}
	f.Fuzz(func(t *testing.T, body []byte, which byte) {
		if err := checkKnown(&knownStreams[int(which)%len(knownStreams)], body); err != nil {
			t.Fatal(err)
		}
	})
}

// checkKnown gives the frames of body to one parser again and again, forward, backward, in one batch, as two tenants' and with room
// that is written over afterwards; what comes of each must be what a new parser makes of it.
func checkKnown(s *wire.Stream, body []byte) error {
	frames := framesOf(s, body)
	frames = frames[:min(len(frames), 200)] // a new parser for each costs time
	used := s.New()
	for round := range 6 {
		var all wire.Batch
		var want []string
		for i := range frames {
			frame := frames[i]
			if round%2 == 1 {
				frame = frames[len(frames)-1-i]
			}
			var alone wire.Batch
			tenant := []string{"", "", "", "", "t", ""}[round]
			wantFault := parseAs(s.New(), tenant, frame, &alone)
			before := len(all.Records)
			sent := append([]byte(nil), frame...)
			gotFault := parseAs(used, tenant, sent, &all)
			if wantFault != gotFault {
				return fmt.Errorf("round %d: %q is %s for a new parser, and %s for one that knows it", round, frame, wantFault, gotFault)
			}
			if got := len(all.Records) - before; got != len(alone.Records) {
				return fmt.Errorf("round %d: %q makes %d records, want %d", round, frame, got, len(alone.Records))
			}
			for j := range alone.Records {
				want = append(want, tellRecord(&alone.Records[j]))
				if got := tellRecord(&all.Records[before+j]); got != want[len(want)-1] {
					return fmt.Errorf("round %d: %q makes\n%s, want\n%s", round, frame, got, want[len(want)-1])
				}
			}
		}
		for i := range want {
			if got := tellRecord(&all.Records[i]); got != want[i] {
				return fmt.Errorf("round %d: a record changed afterwards to\n%s from\n%s", round, got, want[i])
			}
		}
	}
	return nil
}

func framesOf(s *wire.Stream, body []byte) (frames [][]byte) {
	for split := s.NewSplit(); ; {
		advance, frame, _ := split(body, true)
		if advance == 0 {
			return frames
		}
		body = body[advance:]
		if frame != nil {
			frames = append(frames, frame)
		}
	}
}

func parseAs(p wire.Parser, tenant string, frame []byte, b *wire.Batch) string {
	req := streamRequest(nil)
	req.Body = frame
	if tenant != "" {
		req.Tenant = []byte(tenant)
	}
	_, refused := b.Rejected()
	fault := p.Parse(req, b)
	told := ""
	if fault != nil {
		told = fmt.Sprintf("%v %q", fault, fault.Detail)
	}
	kept, _ := b.Rejected()
	for i := min(refused, len(kept)); i < len(kept); i++ {
		told += fmt.Sprintf("\n%v %q %q", &kept[i], kept[i].Detail, kept[i].Raw)
	}
	return told
}

func tellRecord(r *wire.Record) string {
	return fmt.Sprintf("%s %q %q %q %d", r.Topic, r.Key, r.ID, r.Value, r.Time)
}
