package main

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
)

// messages are requests, frames or pieces of a stream one after the other, each ready to be written as it is.
type messages struct {
	bytes []byte
	ends  []int // where each ends
	units []int // the events or samples in each
}

func (m *messages) close(units int) {
	m.ends = append(m.ends, len(m.bytes))
	m.units = append(m.units, units)
}

// slice is the bytes of n messages from the one at i.
func (m *messages) slice(i, n int) []byte {
	from := 0
	if i > 0 {
		from = m.ends[i-1]
	}
	return m.bytes[from:m.ends[i+n-1]]
}

// eventsMade is how many events there are; they are sent again and again. A multiple of every batch and depth here.
const eventsMade = 48_000

// perRequest is how many events of 200 bytes, or samples, a large request has: 320 events are 64 KiB.
const perRequest = 320

// post adds a POST with this body.
func (m *messages) post(path, contentType string, body []byte, units int) {
	m.bytes = fmt.Appendf(m.bytes, "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\ntopic: %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n",
		path, topic, contentType, len(body))
	m.bytes = append(m.bytes, body...)
	m.close(units)
}

// ndjson is requests to add_events of so many lines each; a single event has no newline behind it.
func ndjson(now int64, lines int) *messages {
	m, from := &messages{}, newEvents(now*1e9)
	var body []byte
	for range eventsMade / lines {
		body = body[:0]
		for range lines {
			body = append(from.append(body), '\n')
		}
		if lines == 1 {
			body = body[:eventSize]
		}
		m.post("/add_events", "application/text", body, lines)
	}
	return m
}

// jsonArrays is requests of one JSON array each, to any path.
func jsonArrays(now int64, path string) *messages {
	m, from := &messages{}, newEvents(now*1e9)
	var body []byte
	for range eventsMade / perRequest {
		body = append(body[:0], '[')
		for i := range perRequest {
			if i > 0 {
				body = append(body, ',')
			}
			body = from.append(body)
		}
		m.post(path, "application/json", append(body, ']'), perRequest)
	}
	return m
}

// xadds is Redis commands, each of which adds an event to a stream; there are eight streams.
func xadds(now int64) *messages {
	m, from := &messages{}, newEvents(now*1e9)
	for i := range eventsMade {
		m.bytes = fmt.Appendf(m.bytes, "*5\r\n$4\r\nXADD\r\n$2\r\ns%d\r\n$1\r\n*\r\n$1\r\nd\r\n$%d\r\n", i%redisStreams, eventSize)
		m.bytes = append(from.append(m.bytes), "\r\n"...)
		m.close(1)
	}
	return m
}

// pubs is NATS messages of so many events each, a line an event, which ask for an acknowledgement to a connection's inbox.
func pubs(now int64, lines, conn int) *messages {
	m, from := &messages{}, newEvents(now*1e9)
	for range max(eventsMade/natsConns/lines, natsWindow/natsConns) {
		m.bytes = fmt.Appendf(m.bytes, "PUB %s %s %d\r\n", topic, natsInbox(conn), lines*(eventSize+1)-1)
		for i := range lines {
			if i > 0 {
				m.bytes = append(m.bytes, '\n')
			}
			m.bytes = from.append(m.bytes)
		}
		m.bytes = append(m.bytes, "\r\n"...)
		m.close(lines)
	}
	return m
}

// writeSize is how much of a stream of lines is written at once.
const writeSize = 64 << 10

// lines is a stream of lines in pieces of nearly writeSize bytes, which end where a line ends.
func lines(n int, now int64, append1 func(b []byte, s *sample) []byte) *messages {
	m := &messages{}
	units, line := 0, make([]byte, 0, 256)
	begun := 0
	samples(n, now, func(s *sample) {
		line = append1(line[:0], s)
		if len(m.bytes)-begun+len(line) > writeSize {
			m.close(units)
			units, begun = 0, len(m.bytes)
		}
		m.bytes = append(m.bytes, line...)
		units++
	})
	m.close(units)
	return m
}

// putLine is a sample as OpenTSDB's and KairosDB's telnet doors take it.
func putLine(b []byte, s *sample) []byte {
	b = s.appendMetric(append(b, "put "...))
	b = strconv.AppendInt(append(b, ' '), s.secs, 10)
	b = s.appendValue(append(b, ' '))
	b = s.appendHost(append(b, " host="...))
	return append(strconv.AppendInt(append(b, " cpu="...), int64(s.cpu), 10), " dc=eu1\n"...)
}

// graphiteName is a series' name with tags, as Graphite 1.1 has them.
func graphiteName(b []byte, s *sample) []byte {
	b = s.appendHost(append(s.appendMetric(b), ";host="...))
	return append(strconv.AppendInt(append(b, ";cpu="...), int64(s.cpu), 10), ";dc=eu1"...)
}

func graphiteLine(b []byte, s *sample) []byte {
	b = s.appendValue(append(graphiteName(b, s), ' '))
	return append(strconv.AppendInt(append(b, ' '), s.secs, 10), '\n')
}

// pickled is how many points Carbon's own relay puts into a pickle at most.
const pickled = 500

// pickles is frames as Carbon's relay sends them: a length, and what CPython's pickle makes of [(name, (time, value)), …] in protocol 2.
func pickles(n int, now int64) *messages {
	m := &messages{}
	var frame, name []byte
	units, memo := 0, 0
	remember := func(b []byte) []byte { // every string, tuple and list gets a number, needed or not
		memo++
		if memo-1 < 256 {
			return append(b, 'q', byte(memo-1))
		}
		return binary.LittleEndian.AppendUint32(append(b, 'r'), uint32(memo-1))
	}
	flush := func() {
		if units > 0 {
			frame = append(frame, "e."...)
			m.bytes = append(binary.BigEndian.AppendUint32(m.bytes, uint32(len(frame))), frame...)
			m.close(units)
		}
		memo, units = 0, 0
		frame = append(remember(append(frame[:0], "\x80\x02]"...)), '(')
	}
	flush()
	samples(n, now, func(s *sample) {
		name = graphiteName(name[:0], s)
		frame = binary.LittleEndian.AppendUint32(append(frame, 'X'), uint32(len(name)))
		frame = remember(append(frame, name...))
		frame = binary.LittleEndian.AppendUint32(append(frame, 'J'), uint32(s.secs))
		frame = binary.BigEndian.AppendUint64(append(frame, 'G'), math.Float64bits(s.value()))
		frame = remember(append(remember(append(frame, 0x86)), 0x86))
		if units++; units == pickled {
			flush()
		}
	})
	flush()
	return m
}

// dataPoints is requests of JSON samples, for KairosDB's REST door and OpenTSDB's, which differ in a member's name and a path.
func dataPoints(n int, now int64, path, name string) *messages {
	m := &messages{}
	var body []byte
	units := 0
	flush := func() {
		if units > 0 {
			m.post(path, "application/json", append(body, ']'), units)
		}
		body, units = append(body[:0], '['), 0
	}
	flush()
	samples(n, now, func(s *sample) {
		if units > 0 {
			body = append(body, ',')
		}
		body = s.appendMetric(append(append(append(body, `{"`...), name...), `":"`...))
		body = strconv.AppendInt(append(body, `","timestamp":`...), s.secs*1000, 10)
		body = s.appendValue(append(body, `,"value":`...))
		body = s.appendHost(append(body, `,"tags":{"host":"`...))
		body = append(strconv.AppendInt(append(body, `","cpu":"`...), int64(s.cpu), 10), `","dc":"eu1"}}`...)
		if units++; units == perRequest {
			flush()
		}
	})
	flush()
	return m
}
