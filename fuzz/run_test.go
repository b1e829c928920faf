package fuzz

import (
	"bytes"
	"fmt"
	"testing"

	"penstock/wire"
)

// FuzzRun gives a stream's lines to a parser that takes many at once and to one that takes each by itself, and those and frames to one whose records are
// packed. All must make the same of them.
func FuzzRun(f *testing.F) {
	f.Add([]byte("put m 1790000000 1 a=b\nput m 1790000000 2 a=b\r\nput m 1790000000 3 a=b\nput m 1790000000 3 a=b"), byte(0), byte(9))
	f.Add([]byte("a.b.c 1 1790000000\na.b.c 2 1790000000\r\na.b.c 3 1790000000\n"), byte(1), byte(3))
	for which := range knownStreams {
		for _, format := range []string{"kairosdb", "graphite"} {
			for _, c := range goldens(f, format) {
				if c.Path == knownStreams[which].Name && len(c.Body) <= attackLimit {
					f.Add(c.Body, byte(which), byte(3))
				}
			}
		}
	}
	f.Fuzz(func(t *testing.T, body []byte, which, most byte) {
		s := &knownStreams[int(which)%len(knownStreams)]
		if runner, ok := s.New().(wire.Runner); ok {
			if err := checkRun(s, runner, body, int(most)); err != nil {
				t.Fatal(err)
			}
		}
		if err := checkPacked(s, body); err != nil {
			t.Fatal(err)
		}
	})
}

// checkRun gives all of body again and again, so that its lines are known and one follows the other as it did before.
func checkRun(s *wire.Stream, runner wire.Runner, body []byte, most int) error {
	body = body[:min(len(body), 4<<10)]
	alone := s.New()
	for round := range 4 {
		var got, want wire.Batch
		split := s.NewSplit()
		for rest := body; ; {
			advance, frame, _ := split(rest, true)
			if advance == 0 {
				break
			}
			if rest = rest[advance:]; frame == nil {
				continue
			}
			if gotFault, wantFault := parseAs(runner, "", frame, &got), parseAs(alone, "", frame, &want); gotFault != wantFault {
				return fmt.Errorf("round %d: %q is %s, by itself %s", round, frame, gotFault, wantFault)
			}
			taken, used, size := runner.Run(rest, most, streamRequest(nil), &got)
			if ran := rest[:used]; taken > most || used > 0 && !bytes.HasSuffix(ran, []byte("\n")) {
				return fmt.Errorf("round %d: it took %d lines of %d, %q", round, taken, most, ran)
			}
			for ran := rest[:used]; len(ran) > 0; taken-- {
				advance, frame, fault := split(ran, false)
				if fault != nil || frame == nil || advance == 0 {
					return fmt.Errorf("round %d: it took %q", round, ran)
				}
				if fault := parseAs(alone, "", frame, &want); fault != "" {
					return fmt.Errorf("round %d: it took %q, which is refused: %s", round, frame, fault)
				}
				size, ran = size-len(frame), ran[advance:]
			}
			if taken != 0 || size != 0 {
				return fmt.Errorf("round %d: of %q it took %d lines and %d bytes more than there are", round, rest[:used], taken, size)
			}
			rest = rest[used:]
		}
		if len(got.Records) != len(want.Records) {
			return fmt.Errorf("round %d: %d records, want %d", round, len(got.Records), len(want.Records))
		}
		for i := range want.Records {
			if got, want := tellRecord(&got.Records[i]), tellRecord(&want.Records[i]); got != want {
				return fmt.Errorf("round %d: it makes\n%s, want\n%s", round, got, want)
			}
		}
	}
	return nil
}
