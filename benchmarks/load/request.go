package main

import (
	"encoding/base64"
	"errors"
	"io"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
)

// shape says how events are put into requests, and how long a request may take.
type shape struct {
	Single, NDJSON, Array, Get float64 // parts of the requests
	BatchBytes                 int     // a batch grows up to a random size below this
	Gzip                       float64 // part of the batches that is compressed: three quarters of it gzip, one quarter deflate
	Ack                        string  // Penstock-Ack, "" = not sent
	Timeout                    time.Duration
	RetryMax                   time.Duration // the longest that a Retry-After is heeded
}

// sending is what a request carries: which events of which keys. It is reused from request to request.
type sending struct {
	topic int
	runs  []run
}

// run is some events of a key, one after the other.
type run struct {
	key          int
	first, count int64
}

func (s *sending) events() (n int64) {
	for _, r := range s.runs {
		n += r.count
	}
	return n
}

// getMax is the largest event that goes into a GET: the door takes no more.
const getMax = 1024

// build makes the next request in s.req and s.out, of at most so many events.
func (s *sender) build(atMost int64) {
	for _, r := range s.out.runs {
		s.slot[r.key/s.of] = 0
	}
	s.out.topic, s.out.runs = s.rng.IntN(s.w.Topics), s.out.runs[:0]
	s.events = s.events[:0]
	sh, u := s.shape, s.rng.Float64()
	switch {
	case u < sh.Single:
		s.add()
		s.post(s.events, "")
	case u < sh.Single+sh.Get:
		if s.add(); len(s.events) <= getMax {
			s.get()
		} else {
			s.post(s.events, "")
		}
	case u < sh.Single+sh.Get+sh.Array:
		s.batch("[", ",", "]", atMost)
	default:
		s.batch("", "\n", "\n", atMost)
	}
}

// batch makes a request of several events.
func (s *sender) batch(open, between, shut string, atMost int64) {
	s.events = append(s.events, open...)
	goal := 1 + s.rng.IntN(s.shape.BatchBytes)
	for n := int64(0); n < atMost && (n == 0 || len(s.events) < goal); n++ {
		if n > 0 {
			s.events = append(s.events, between...)
		}
		s.add()
	}
	s.events = append(s.events, shut...)
	u := s.rng.Float64()
	switch {
	case u < s.shape.Gzip*3/4:
		s.post(s.compress(&gzips), "Content-Encoding: gzip\r\n")
	case u < s.shape.Gzip:
		s.post(s.compress(&zlibs), "Content-Encoding: deflate\r\n")
	default:
		s.post(s.events, "")
	}
}

// add puts one more event, of one of the sender's keys, into the request.
func (s *sender) add() {
	at := s.rng.IntN(len(s.keys))
	key := s.keys[at]
	seq := s.book.take(s.out.topic, key)
	if s.slot[at] == 0 {
		s.out.runs = append(s.out.runs, run{key: key, first: seq})
		s.slot[at] = int32(len(s.out.runs))
	}
	s.out.runs[s.slot[at]-1].count++
	s.events = s.w.appendEvent(s.events, s.out.topic, key, seq)
}

// compressor is a gzip or zlib writer. They are a megabyte each, so the senders share some.
type compressor interface {
	io.WriteCloser
	Reset(io.Writer)
}

var gzips = sync.Pool{New: func() any {
	z, _ := gzip.NewWriterLevel(nil, flate.BestSpeed) // fails for levels that do not exist
	return z
}}

var zlibs = sync.Pool{New: func() any {
	z, _ := zlib.NewWriterLevel(nil, flate.BestSpeed)
	return z
}}

// compress compresses s.events. The result is valid until its next call.
func (s *sender) compress(pool *sync.Pool) []byte {
	z := pool.Get().(compressor)
	defer pool.Put(z)
	s.zipped.Reset()
	z.Reset(&s.zipped)
	_, err := z.Write(s.events)
	if err = errors.Join(err, z.Close()); err != nil {
		panic("BUG: compressing into memory failed: " + err.Error())
	}
	return s.zipped.Bytes()
}

func (s *sender) post(body []byte, extra string) {
	s.req = append(s.req[:0], "POST /add_events HTTP/1.1\r\nHost: load\r\nContent-Type: application/text\r\n"...)
	s.headers(extra)
	s.req = append(s.req, "Content-Length: "...)
	s.req = strconv.AppendInt(s.req, int64(len(body)), 10)
	s.req = append(s.req, "\r\n\r\n"...)
	s.req = append(s.req, body...)
}

func (s *sender) get() {
	s.req = append(s.req[:0], "GET /add_events?ia_data="...)
	s.req = append(s.req, url.QueryEscape(base64.StdEncoding.EncodeToString(s.events))...)
	s.req = append(s.req, " HTTP/1.1\r\nHost: load\r\nContent-Type: application/text\r\n"...)
	s.headers("")
	s.req = append(s.req, "\r\n"...)
}

func (s *sender) headers(extra string) {
	s.req = append(s.req, "topic: "...)
	s.req = append(s.req, s.w.name(s.out.topic)...)
	s.req = append(s.req, "\r\n"...)
	s.req = append(s.req, extra...)
	if s.shape.Ack != "" {
		s.req = append(s.req, "Penstock-Ack: "...)
		s.req = append(s.req, s.shape.Ack...)
		s.req = append(s.req, "\r\n"...)
	}
}
