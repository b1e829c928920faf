// Package wires encodes requests of every wire that Penstock speaks, as their senders send them.
//
// A pool of requests is made before the load begins and used again and again, so that a generator spends its time on sending. All of it
// follows from a seed. What a server would take for a repeat is left out: Splunk's id and Segment's messageId.
package wires

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Transport is how requests travel, and what answers them.
type Transport string

const (
	HTTP      Transport = "http"      // an HTTP answer each
	Kafka     Transport = "kafka"     // a Produce response each
	Lines     Transport = "lines"     // bytes on a connection, no answers
	Datagrams Transport = "datagrams" // no answers
)

// Answers says whether requests are answered. Where they are not, nobody knows a latency.
func (t Transport) Answers() bool { return t == HTTP || t == Kafka }

// Request is one request, or one piece of a stream of lines, as it goes onto the connection.
type Request struct {
	Bytes []byte
	Items int // events, points or lines in it
	Body  int // bytes of those, before compression
}

// Wire is a way to send items.
type Wire struct {
	Name      string
	Item      string // what it sends, in the singular
	About     string // what a request is
	Transport Transport
	Address   string // where it is spoken by default
	Path      string // HTTP: the path of its requests
	size      Span   // what is usual: bytes of an item
	batch     Batch  // what is usual: items of a request
	most      int    // items that a request may hold; 0: any number
	encode    func(*source) Request
}

// All is every wire.
var All = []*Wire{
	{"interana-single", "event", "POST /add_events, one JSON object", HTTP, "127.0.0.1:8080", "/add_events", Span{100, 2000}, Batch{}, 1, (*source).interanaSingle},
	{"interana-ndjson", "event", "POST /add_events, one object a line", HTTP, "127.0.0.1:8080", "/add_events", Span{100, 2000}, Batch{Bytes: Span{64 << 10, 64 << 10}}, 0, (*source).interanaNDJSON},
	{"interana-array", "event", "POST /add_events, an array of objects", HTTP, "127.0.0.1:8080", "/add_events", Span{100, 2000}, Batch{Bytes: Span{64 << 10, 64 << 10}}, 0, (*source).interanaArray},
	{"interana-get", "event", "GET /add_events, one object as base64", HTTP, "127.0.0.1:8080", "/add_events", Span{100, 700}, Batch{}, 1, (*source).interanaGet},
	{"cloudwisdom", "element or sample", "POST /ingest/KEY, an array of elements", HTTP, "127.0.0.1:8080", "/ingest/{key}", Span{}, Batch{Items: Span{100, 100}}, 0, (*source).cloudwisdom},
	{"stackstate", "metric", "POST /stsAgent/intake, a message of metrics", HTTP, "127.0.0.1:8080", "/stsAgent/intake", Span{}, Batch{Items: Span{100, 100}}, 0, (*source).stackstate},
	{"kairosdb", "point", "POST /api/v1/datapoints, an array of metrics", HTTP, "127.0.0.1:8080", "/api/v1/datapoints", Span{}, Batch{Items: Span{100, 100}}, 0, (*source).kairosdb},
	{"kairosdb-telnet", "point", "put lines over TCP", Lines, "127.0.0.1:4242", "", Span{}, Batch{Items: Span{100, 100}}, 0, (*source).telnet},
	{"graphite", "point", "plaintext lines over TCP", Lines, "127.0.0.1:2003", "", Span{}, Batch{Items: Span{100, 100}}, 0, (*source).graphite},
	{"graphite-udp", "point", "plaintext lines, some in a datagram", Datagrams, "127.0.0.1:2003", "", Span{}, Batch{Items: Span{15, 15}}, 0, (*source).graphite},
	{"graphite-pickle", "point", "pickles of protocol 2 over TCP", Lines, "127.0.0.1:2004", "", Span{}, Batch{Items: Span{500, 500}}, 0, (*source).pickle},
	{"splunk-events", "event", "POST /TENANT/ingest/v1beta2/events, an array", HTTP, "127.0.0.1:8080", "/system/ingest/v1beta2/events", Span{100, 2000}, Batch{Items: Span{100, 100}}, 500, (*source).splunkEvents},
	{"splunk-metrics", "metric", "POST /TENANT/ingest/v1beta2/metrics, an array", HTTP, "127.0.0.1:8080", "/system/ingest/v1beta2/metrics", Span{}, Batch{Items: Span{100, 100}}, 500, (*source).splunkMetrics},
	{"segment", "event", "POST /v1/batch", HTTP, "127.0.0.1:8080", "/v1/batch", Span{300, 1500}, Batch{Items: Span{50, 50}}, 0, (*source).segment},
	{"kafka", "record", "Produce requests of one batch", Kafka, "127.0.0.1:9092", "", Span{100, 2000}, Batch{Bytes: Span{64 << 10, 64 << 10}}, 0, (*source).kafka},
}

// Named finds a wire.
func Named(name string) (*Wire, error) {
	for _, w := range All {
		if w.Name == name {
			return w, nil
		}
	}
	names := make([]string, 0, len(All))
	for _, w := range All {
		names = append(names, w.Name)
	}
	return nil, fmt.Errorf("no wire is named %q; there are %s", name, strings.Join(names, ", "))
}

// Part is a wire's part of the requests.
type Part struct {
	Wire  *Wire
	Share float64
}

// Mix is which wires are sent, over one transport.
type Mix []Part

// ParseMix reads a wire's name, or several with their parts as interana-single=0.7,interana-get=0.3.
func ParseMix(text string) (Mix, error) {
	var mix Mix
	for _, word := range strings.Split(text, ",") {
		name, share, given := strings.Cut(word, "=")
		w, err := Named(strings.TrimSpace(name))
		if err != nil {
			return nil, err
		}
		p := Part{w, 1}
		if given {
			if p.Share, err = strconv.ParseFloat(share, 64); err != nil || !(p.Share > 0 && p.Share <= 1e6) {
				return nil, fmt.Errorf("the part of %s must be a number above 0, not %q", name, share)
			}
		}
		if mix = append(mix, p); mix[0].Wire.Transport != w.Transport {
			return nil, fmt.Errorf("%s and %s can't be mixed: they travel differently", mix[0].Wire.Name, w.Name)
		}
	}
	return mix, nil
}

// Transport is how all of them travel.
func (m Mix) Transport() Transport { return m[0].Wire.Transport }

// Item is what is sent, in the plural.
func (m Mix) Item() string {
	var names []string
	for _, p := range m {
		name := strings.ReplaceAll(p.Wire.Item, " or ", "s and ") + "s"
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return strings.Join(names, " and ")
}

func (m Mix) String() string {
	if len(m) == 1 {
		return m[0].Wire.Name
	}
	words := make([]string, 0, len(m))
	for _, p := range m {
		words = append(words, p.Wire.Name+"="+strconv.FormatFloat(p.Share, 'g', -1, 64))
	}
	return strings.Join(words, ",")
}

// Span is a range of numbers, both ends in it. The zero Span is none.
type Span struct{ Min, Max int }

func (s Span) String() string {
	if s.Min == s.Max {
		return strconv.Itoa(s.Min)
	}
	return fmt.Sprintf("%d-%d", s.Min, s.Max)
}

// ParseSpan reads N or MIN-MAX, each with a unit if one is there: B, KiB or MiB.
func ParseSpan(text string) (s Span, unit bool, err error) {
	low, high, given := strings.Cut(text, "-")
	if !given {
		high = low
	}
	var a, b bool
	if s.Min, a, err = parseSize(low); err == nil {
		s.Max, b, err = parseSize(high)
	}
	if err != nil || s.Min > s.Max || s.Min < 1 || s.Max > 64<<20 {
		return Span{}, false, errors.New("write N or MIN-MAX, as 200, 50-8192 or 1KiB-64KiB")
	}
	return s, a || b, nil
}

func parseSize(text string) (n int, unit bool, err error) {
	for _, u := range []struct {
		name  string
		bytes int
	}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"B", 1}} {
		if number, has := strings.CutSuffix(text, u.name); has {
			n, err = strconv.Atoi(number)
			if n > 1<<30/u.bytes {
				return 0, false, strconv.ErrRange
			}
			return n * u.bytes, true, err
		}
	}
	n, err = strconv.Atoi(text)
	return n, false, err
}

// Batch is how much goes into a request: so many items, or items until there are so many bytes. The zero Batch is one item.
type Batch struct{ Items, Bytes Span }

// ParseBatch reads a number of items, or of bytes when it has a unit: 100, 1-500, 64KiB.
func ParseBatch(text string) (b Batch, err error) {
	span, bytes, err := ParseSpan(text)
	if bytes {
		return Batch{Bytes: span}, err
	}
	return Batch{Items: span}, err
}

func (b Batch) String() string {
	if b.Bytes != (Span{}) {
		return b.Bytes.String() + " bytes"
	}
	return b.Items.String()
}

// Size says what bytes an item has: as asked for, or what is usual.
func (m Mix) Size(asked Span) string {
	if asked == (Span{}) {
		asked = m[0].Wire.size
	}
	if asked == (Span{}) {
		return "as it comes"
	}
	return asked.String() + " bytes"
}

// Batch says what a request holds: as asked for, or what is usual.
func (m Mix) Batch(asked Batch) string {
	switch {
	case m[0].Wire.most == 1:
		return "1"
	case asked == (Batch{}):
		asked = m[0].Wire.batch
	}
	return asked.String()
}
