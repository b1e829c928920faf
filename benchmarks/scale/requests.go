package main

import (
	"fmt"
	"hash/crc32"
	"strconv"

	"penstock/benchmarks/splitmix"
)

// seed is of what is sent.
const seed = 7

const (
	eventSize  = 200
	perRequest = 320    // events in a request: 64 KiB
	eventsMade = 16_000 // sent again and again
)

// requests are whole HTTP requests, ready to be written.
type requests struct {
	all    [][]byte
	events int // in each
	body   int // bytes of each body
	sum    uint32
}

// makeRequests makes requests that go to so many topics in turn.
func makeRequests(topics, events int) *requests {
	r := &requests{events: events, body: events * (eventSize + 1)}
	random := splitmix.Source(seed)
	count := max(eventsMade/events, topics)
	for i := range count {
		text := fmt.Appendf(nil, "POST /add_events HTTP/1.1\r\nHost: 127.0.0.1\r\ntopic: %s\r\nPenstock-Ack: log\r\nContent-Length: %d\r\n\r\n", topicName(i%topics), r.body)
		for range events {
			text = append(appendEvent(text, &random), '\n')
		}
		r.all = append(r.all, text)
		r.sum = crc32.Update(r.sum, crc32.IEEETable, text)
	}
	return r
}

func topicName(i int) string { return "events" + strconv.Itoa(i) }

// appendEvent adds an event as a service's log has them, of exactly eventSize bytes.
func appendEvent(b []byte, random *splitmix.Source) []byte {
	from := len(b)
	b = fmt.Appendf(b, `{"ts":%d,"key":"web-%04d.api","level":"info","status":%d,"value":%d.%03d,"ok":true,"msg":"GET /path/%d `,
		1_790_000_000_000+random.Below(1_000_000), random.Below(1000), 200+100*random.Below(4), random.Below(1000), random.Below(1000), random.Below(100_000))
	for len(b) < from+eventSize-len(`"}`) {
		b = append(b, byte('a'+random.Below(26)))
	}
	return append(b, `"}`...)
}
