package main

import (
	"testing"

	"penstock/segstore"
	"penstock/wire"
	carbon "penstock/wire/graphite"
	"penstock/wire/kairosdb"
	"penstock/wire/wiretest"
)

// sizedLine is a kind of line, and how many bytes its records take.
type sizedLine struct {
	name   string
	stream *wire.Stream
	line   func([]byte, *sample) []byte
	want   int
}

func sizedLines(t *testing.T) []sizedLine {
	t.Helper()
	lines, err := carbon.New(carbon.Settings{Tags: carbon.GraphiteTags})
	if err != nil {
		t.Fatal(err)
	}
	puts := kairosdb.New(kairosdb.Settings{})
	return []sizedLine{
		{"put", &puts.Streams[0], putLine, putRecord},
		{"graphite", &lines.Streams[0], graphiteLine, graphiteRecord},
	}
}

// The floor writes for a line what its record takes in our log: a number that was wrong here made a bound of what is none.
func TestRecordSizes(t *testing.T) {
	for _, c := range sizedLines(t) {
		parser, batch := c.stream.New(), wire.Batch{}
		req := wire.Request{Topics: wire.DefaultTopics(), Now: 1_790_000_000_000, Decode: new(wiretest.Decoder)}
		var drafts segstore.Drafts
		draft, ok := drafts.Begin(4 << 20)
		if !ok {
			t.Fatal("there is no memory for a draft")
		}
		const n = allSeries
		samples(n, 1_790_000_000, func(s *sample) {
			batch.Reset()
			line := c.line(nil, s)
			req.Body = line[:len(line)-1]
			if fault := parser.Parse(&req, &batch); fault != nil || len(batch.Records) != 1 {
				t.Fatalf("%s is %d records: %v", line, len(batch.Records), fault)
			}
			r := &batch.Records[0]
			draft.Append(nil, r.Key, r.Value, nil, r.Time)
		})
		if got := int(draft.Size()) / n; got < c.want-2 || got > c.want+2 {
			t.Errorf("%s: a record takes %d bytes, not %d", c.name, got, c.want)
		}
	}
}
