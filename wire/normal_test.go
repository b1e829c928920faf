package wire

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestEvent_DecodesToItself(t *testing.T) {
	r := chance{rand.New(rand.NewPCG(7, 1))}
	for range 2000 {
		e := Event{r.text(), r.int64(), r.json(true), r.text(), r.text(), r.json(true), r.json(true), r.textTags(), r.text(), r.text(), r.text(), r.text()}
		from := r.source()
		var want wanted
		want.text("event", e.Name)
		want.number("time", e.Time)
		want.raw("nanos", e.Nanos)
		want.text("title", e.Title)
		want.text("text", e.Text)
		want.raw("body", e.Body)
		want.raw("attributes", e.Attributes)
		want.tags(e.Tags)
		want.text("host", e.Host)
		want.text("source", e.Source)
		want.text("sourcetype", e.Sourcetype)
		want.text("id", e.ID)
		want.from(from)
		decodesTo(t, e.Append(nil, from), "event", want)
	}
}

func TestCheck_DecodesToItself(t *testing.T) {
	r := chance{rand.New(rand.NewPCG(8, 1))}
	for range 2000 {
		c := Check{r.text(), r.json(true), r.int64(), r.int64(), r.text(), r.textTags(), r.text(), r.text()}
		from := r.source()
		var want wanted
		want.text("check", c.Name)
		want.raw("status", c.Status)
		want.number("time", c.Time)
		if c.TTL != 0 {
			want.number("ttl", c.TTL)
		}
		want.text("message", c.Message)
		want.tags(c.Tags)
		want.text("host", c.Host)
		want.text("element", c.Element)
		want.from(from)
		decodesTo(t, c.Append(nil, from), "check", want)
	}
}

func TestElement_DecodesToItself(t *testing.T) {
	r := chance{rand.New(rand.NewPCG(9, 1))}
	for range 2000 {
		e := Element{ID: r.text(), Name: r.text(), Type: r.text(), Location: r.text(), Attributes: r.tags(func() []byte { return r.json(false) }),
			Tags: r.textTags(), Metrics: r.json(true)}
		relations := []any{}
		for range r.IntN(4) {
			relation := r.string()
			e.Relations, relations = append(e.Relations, []byte(relation)), append(relations, relation)
		}
		from := r.source()
		var want wanted
		want.text("element", e.ID)
		want.text("name", e.Name)
		want.text("type", e.Type)
		want.text("location", e.Location)
		if len(e.Attributes) > 0 {
			all := map[string]any{}
			for _, a := range e.Attributes {
				all[string(a.Name)] = json.RawMessage(a.Value)
			}
			want = append(want, field{"attributes", all})
		}
		want.tags(e.Tags)
		if len(relations) > 0 {
			want = append(want, field{"relations", relations})
		}
		want.raw("metrics", e.Metrics)
		want.from(from)
		decodesTo(t, e.Append(nil, from), "element", want)
	}
}

// A metric's record is made by Series: this is one series alone.
func TestMetric_DecodesToItself(t *testing.T) {
	r := chance{rand.New(rand.NewPCG(10, 1))}
	var s Series
	var b Batch
	for range 2000 {
		m := Metric{[]byte(r.string()), r.textTags(), r.text(), r.text(), r.text(), r.text(), r.text(), r.text(), r.text(), r.int64()}
		from := r.source()
		var want wanted
		want.text("metric", m.Name)
		want.tags(m.Tags)
		want.text("type", m.Type)
		want.text("unit", m.Unit)
		want.text("host", m.Host)
		want.text("source", m.Source)
		want.text("sourcetype", m.Sourcetype)
		want.text("id", m.ID)
		want.text("element", m.Element)
		if m.TTL != 0 {
			want.number("ttl", m.TTL)
		}
		want.from(from)

		b.Reset()
		s.Reset()
		at := s.Of(&m, from, &b)
		points := []any{}
		first := int64(0)
		for i := range 1 + r.IntN(4) {
			time, value, nanos := r.int64(), r.json(false), []byte(nil)
			point := []any{time, json.RawMessage(value)}
			if r.IntN(3) == 0 {
				nanos = r.number()
				point = append(point, json.RawMessage(nanos))
			}
			if i == 0 {
				first = time
			}
			s.Add(at, time, value, nanos)
			points = append(points, point)
		}
		s.Flush(&b, []byte("metrics"))
		want = append(want, field{"points", points})
		got := b.Records[0]
		decodesTo(t, got.Value, "metric", want)
		if key := string(m.AppendKey(nil)); len(b.Records) != 1 || string(got.Key) != key || got.Time != first || string(got.Topic) != "metrics" {
			t.Fatalf("%d records, key %q time %d topic %s; want key %q time %d", len(b.Records), got.Key, got.Time, got.Topic, key, first)
		}
	}
}

// Whatever bytes a text is of, the record stays JSON; what is no UTF-8 becomes U+FFFD, a byte each.
func TestAppend_BytesThatAreNoUTF8(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 1))
	for range 2000 {
		raw := make([]byte, 1+r.IntN(8))
		for i := range raw {
			raw[i] = byte(r.Uint32()) | byte(r.IntN(2))<<7
		}
		e := Event{Name: raw, Host: raw, Tags: []Tag{{raw, raw}}}
		text := []byte(string([]rune(string(raw))))
		var want wanted
		want.text("event", text)
		want.number("time", 0)
		want.tags([]Tag{{text, text}})
		want.text("host", text)
		want.from(Source{"w", text})
		decodesTo(t, e.Append(nil, Source{"w", raw}), "event", want)
	}
}

func TestAppendObject(t *testing.T) {
	got := string(AppendObject([]byte("kept "), KindTopology, []byte(`{ "a":[1.0] }`), Source{"stackstate", []byte(`a"b`)}))
	if want := `kept {"kind":"topology","topology":{ "a":[1.0] },"wire":"stackstate","tenant":"a\"b"}`; got != want {
		t.Errorf("got %s", got)
	}
	got = string(AppendObject(nil, KindHealth, []byte(`{}`), Source{Wire: "stackstate"}))
	if want := `{"kind":"health","health":{},"wire":"stackstate"}`; got != want {
		t.Errorf("got %s", got)
	}
}

// The least that a record can be, to the byte, and that Append appends.
func TestAppend_Absent(t *testing.T) {
	from := Source{Wire: "w"}
	for want, got := range map[string][]byte{
		`x{"kind":"event","time":0,"wire":"w"}`:            (&Event{}).Append([]byte("x"), from),
		`x{"kind":"check","time":0,"wire":"w"}`:            (&Check{}).Append([]byte("x"), from),
		`x{"kind":"element","wire":"w"}`:                   (&Element{}).Append([]byte("x"), from),
		`x{"kind":"event","event":"","time":0,"wire":"w"}`: (&Event{Name: []byte{}, Tags: []Tag{}}).Append([]byte("x"), from),
	} {
		if string(got) != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestMetric_AppendKey(t *testing.T) {
	f := func(want string, m Metric) {
		t.Helper()
		if got := string(m.AppendKey([]byte("kept "))); got != "kept "+want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	tag := func(name, value string) Tag { return Tag{[]byte(name), []byte(value)} }
	f("cpu", Metric{Name: []byte("cpu"), Source: []byte("not in it"), Unit: []byte("nor this")})
	f("cpu;a=b;host=h", Metric{Name: []byte("cpu"), Tags: []Tag{tag("a", "b")}, Host: []byte("h")})
	f("cpu;element=e", Metric{Name: []byte("cpu"), Host: []byte("not beside the element"), Element: []byte("e")})
	f("cpu;host=a", Metric{Name: []byte("cpu"), Tags: []Tag{tag("host", "a")}})
	f("cpu;dc=;host=a b", Metric{Name: []byte("cpu"), Tags: []Tag{tag("dc", ""), tag("host", "a b")}})
}

// Against a map: sorted by name, each once, with the last value.
func TestSortTags(t *testing.T) {
	r := rand.New(rand.NewPCG(12, 1))
	for range 3000 {
		last := map[string]string{}
		tags := make([]Tag, 0, 40)
		for i := range r.IntN(40) {
			name, value := strconv.Itoa(r.IntN(20)), strconv.Itoa(i)
			last[name] = value
			tags = append(tags, Tag{[]byte(name), []byte(value)})
		}
		var want []string
		for name, value := range last {
			want = append(want, name+"="+value)
		}
		slices.SortFunc(want, func(a, b string) int { return strings.Compare(a[:strings.Index(a, "=")], b[:strings.Index(b, "=")]) })
		var got []string
		for _, tag := range SortTags(tags) {
			got = append(got, fmt.Sprintf("%s=%s", tag.Name, tag.Value))
		}
		if !slices.Equal(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
	}
}
