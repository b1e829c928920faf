package graphite

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"penstock/wire"
	"penstock/wire/wiretest"
)

func request(frame []byte) *wire.Request {
	return &wire.Request{Method: "STREAM", Body: frame, Decode: new(wiretest.Decoder), Tables: wiretest.Tables{},
		Topics: wire.DefaultTopics(), Limit: 1 << 20, Now: wiretest.Now}
}

// open makes a parser of a stream of the format with settings.
func open(tb testing.TB, s Settings, stream string) wire.Parser {
	tb.Helper()
	f, err := New(s)
	if err != nil {
		tb.Fatal(err)
	}
	for _, of := range f.Streams {
		if of.Name == stream {
			return of.New()
		}
	}
	tb.Fatalf("no stream is named %q", stream)
	return nil
}

func codeOf(f *wire.Fault) wire.Code {
	if f == nil {
		return wire.OK
	}
	return f.Code
}

// told is what came of a frame: its records' keys, which are the series, or why it was refused.
func told(p wire.Parser, frame string) string {
	var b wire.Batch
	if fault := p.Parse(request([]byte(frame)), &b); fault != nil {
		return fmt.Sprintf("%v: %s", fault.Code, fault.Detail)
	}
	var keys []string
	for i := range b.Records {
		keys = append(keys, string(b.Records[i].Key))
	}
	return strings.Join(keys, " | ")
}

func TestTags(t *testing.T) {
	readme := []string{ // of kairos-carbon's shipped configuration
		`^metric.example.simple .metric.type.metric*`,
		`^metric_example_custom.separator _metric_type_metric* [_]`,
		`^metric.example.change_separator .metric.type.metric* [.,_]`,
		`^metric.example.static_tags .metric.type.metric* type1=static,another_tag=static_too`,
		`^metric.example.mix .metric.type.metric* [.,_] type2=static`,
		`^metric.example.dropped`,
	}
	tests := []string{ // of kairos-carbon's own tests
		`^test.foo .metric.host.metric*`,
		`^test2.foo .metric.host.metric* [.,_]`,
		`^test3.foo .metric.host.metric* type=static`,
	}
	stars := []string{`a metric*.tag.metric*`, `b metric*`, `c metric*.x.y`, `d ..metric`, `e .metric.`, `(?i)F metric.f.metric`}
	template := func(templates []string) Settings { return Settings{Tags: Templates, Templates: templates} }
	const (
		noTags = "dropped: the graphite tag parser needs a name with tags: name;tag=value"
		badTag = "bad_tag: tags are ;tag=value, neither may be empty, and each tag comes once"
	)
	for _, c := range []struct {
		settings   Settings
		name, want string
	}{
		// [S] GraphiteTagsParser
		{Settings{Tags: GraphiteTags}, "foo.bar.blabla.cpu", noTags},
		{Settings{Tags: GraphiteTags}, "foo.bar.blabla.cpu;host=somehost.domain.com", "foo.bar.blabla.cpu;host=somehost.domain.com"},
		{Settings{Tags: GraphiteTags}, "foo.cpu;host=somehost.domain.com;cpuid=0", "foo.cpu;cpuid=0;host=somehost.domain.com"},
		{Settings{Tags: GraphiteTags}, "cpu;k=a=b", "cpu;k=a=b"},
		{Settings{Tags: GraphiteTags}, "cpu;", badTag},
		{Settings{Tags: GraphiteTags}, "cpu;a=1;", badTag},
		{Settings{Tags: GraphiteTags}, "cpu;a", badTag},
		{Settings{Tags: GraphiteTags}, "cpu;a=", badTag},
		{Settings{Tags: GraphiteTags}, "cpu;=a", badTag},
		{Settings{Tags: GraphiteTags}, "cpu;a=1;b=2;a=3", badTag},
		{Settings{Tags: GraphiteTags}, ";a=1", "bad_name: the name is empty"},
		{Settings{Tags: GraphiteTags}, "caf\xe9;a=\xe9", "café;a=é"},

		{Settings{Tags: NoTags}, "a", "a"},
		{Settings{Tags: NoTags}, "a.b.c.d", "a.b.c.d"},
		{Settings{Tags: NoTags}, "a.b;c=d", "a.b;c=d"},
		{Settings{Tags: NoTags}, "a.b;c", badTag},

		// [S] TemplatesTagParser
		{template(tests), "test.foo.host_name.name.bar", "foo.name.bar;host=host_name"},
		{template(tests), "test2.foo.host_name.name", "foo_name;host=host_name"},
		{template(tests), "test3.foo.host_name.name", "foo.name;host=host_name;type=static"},
		{template(tests), "foo.host_name.name", "invalidMetrics;cause=no matching template;metricName=foo.host_name.name"},
		{template(tests), "test.foo.host_name",
			"invalidMetrics;cause=does not match metric name pattern;metricName=test.foo.host_name;templateFilter=^test.foo"},
		{template(readme), "metric.example.simple.a.b", "example.a.b;type=simple"},
		{template(readme), "metric_example_custom.separator_a_b", "example_a_b;type=custom.separator"},
		{template(readme), "metric.example.change_separator.a.b", "example_a_b;type=change_separator"},
		{template(readme), "metric.example.static_tags.a", "example.a;another_tag=static_too;type=static_tags;type1=static"},
		{template(readme), "metric.example.mix.a.b", "example_a_b;type=mix;type2=static"},
		{template(readme), "metric.example.dropped.a.b", "dropped: the template for this name drops it"},
		{template(stars), "a.b.c.d.e", "a.b.c.e;tag=d"},
		{template(stars), "a.b", "invalidMetrics;cause=does not match metric name pattern;metricName=a.b;templateFilter=a"},
		{template(stars), "b", "b"},
		{template(stars), "b.1.2.3", "b.1.2.3"},
		{template(stars), "c.1.2.3", "c.1;x=2;y=3"},
		{template(stars), "c.1.2.", badTag},
		{template(stars), "d..", "bad_name: the name is empty"},
		{template(stars), "d.x.y", "y"},
		{template(stars), "e.x", "x"},
		{template(stars), "f..f", badTag},
		{template(stars), "f.1.2", "f.2;f=1"},
		{template(stars), "xa", "invalidMetrics;cause=no matching template;metricName=xa"},
	} {
		if got := told(open(t, c.settings, "graphite"), c.name+" 1 1474921202"); got != c.want {
			t.Errorf("%v: %q is %q, want %q", c.settings.Tags, c.name, got, c.want)
		}
	}
}

func TestSettings_Refused(t *testing.T) {
	template := func(text string) Settings { return Settings{Tags: Templates, Templates: []string{text}} }
	for _, c := range []struct {
		settings Settings
		want     string
	}{
		{Settings{MaxLine: -1}, "the longest line must have 1 to 65536 bytes: -1"},
		{Settings{MaxLine: 65537}, "the longest line must have 1 to 65536 bytes: 65537"},
		{Settings{MaxFrame: -1}, "the longest pickle must have 1 to 67108864 bytes: -1"},
		{Settings{MaxFrame: 64<<20 + 1}, "the longest pickle must have 1 to 67108864 bytes: 67108865"},
		{Settings{Tags: 4}, "no tag parser has the number 4"},
		{Settings{Tags: Templates}, "templates belong to the tag parser templates, which needs some"},
		{Settings{Templates: []string{"a metric"}}, "templates belong to the tag parser templates, which needs some"},
		{template(""), `template "": there is no regex`},
		{template("a( metric"), "template \"a( metric\": error parsing regexp: missing closing ): `^(?:a()`"},
		{template("a host"), `template "a host": no part of it is the metric`},
		{template("a host.host.metric"), `template "a host.host.metric": the tag "host" comes twice`},
		{template("a host.metric host=x"), `template "a host.metric host=x": the tag "host" comes twice`},
		{template("a metric x=1,x=2"), `template "a metric x=1,x=2": the tag "x" comes twice`},
		{template("a metric x="), `template "a metric x=": tags are tag=value,tag=value of a-z A-Z 0-9 _: "x="`},
		{template("a metric -x=1"), `template "a metric -x=1": tags are tag=value,tag=value of a-z A-Z 0-9 _: "-x=1"`},
		{template("a metric x=š"), `template "a metric x=š": tags are tag=value,tag=value of a-z A-Z 0-9 _: "x=š"`}, // its low byte is an a
		{template("a metric x=é"), `template "a metric x=é": tags are tag=value,tag=value of a-z A-Z 0-9 _: "x=é"`},
		{template("a metric x=1 y"), `template "a metric x=1 y": tags are tag=value,tag=value of a-z A-Z 0-9 _: "y"`},
		{template("a metric [.,_"), `template "a metric [.,_": separators are one or two punctuation bytes, as in [.] or [.,_]: "[.,_"`},
		{template("a metric [x]"), `template "a metric [x]": separators are one or two punctuation bytes, as in [.] or [.,_]: "[x]"`},
		{template("a metric []"), `template "a metric []": separators are one or two punctuation bytes, as in [.] or [.,_]: "[]"`},
	} {
		if _, err := New(c.settings); err == nil || err.Error() != c.want {
			t.Errorf("%+v: %v, want %v", c.settings, err, c.want)
		}
	}
	for tags := range tagsNames {
		if got, err := ParseTags(Tags(tags).String()); err != nil || got != Tags(tags) {
			t.Errorf("%v is read as %v: %v", Tags(tags), got, err)
		}
	}
	if _, err := ParseTags("hosts"); err == nil {
		t.Error("hosts is no tag parser")
	}
}

func TestSettings_Limits(t *testing.T) {
	for _, most := range []Settings{{MaxLine: mostLine, MaxFrame: mostFrame}, {MaxLine: 1, MaxFrame: 1}} {
		f, err := New(most)
		if err != nil {
			t.Fatal(err)
		}
		if s := f.Streams; s[0].Max != most.MaxLine+len("\r\n") || s[1].Max != frameHead+most.MaxFrame || !s[0].UDP || !s[1].UDP {
			t.Errorf("%+v: streams %+v", most, s)
		}
	}
	f, err := New(Settings{MaxLine: 20, MaxFrame: 8})
	if err != nil {
		t.Fatal(err)
	}
	lines, frames := f.Streams[0].NewSplit(), f.Streams[1].NewSplit()
	if _, frame, fault := lines([]byte("a.h.x 1 147492120200\n"), false); fault != nil || len(frame) != 20 {
		t.Errorf("a line of 20 bytes: %q, %v", frame, fault)
	}
	if advance, _, fault := lines([]byte("a.h.x 1 1474921202000\n"), false); codeOf(fault) != wire.LineTooLong || advance == 0 {
		t.Errorf("a line of 21 bytes: %d, %v", advance, fault)
	}
	if _, frame, fault := frames([]byte("\x00\x00\x00\x0812345678"), false); fault != nil || string(frame) != "12345678" {
		t.Errorf("a frame of 8 bytes: %q, %v", frame, fault)
	}
	if advance, _, fault := frames([]byte("\x00\x00\x00\x09"), false); codeOf(fault) != wire.TooLarge || advance != 0 {
		t.Errorf("a frame of 9 bytes: %d, %v", advance, fault)
	}
	long := "]U\x15a.h.xxxxxxxxxxxxxxxxxK\x01K\x01\x86\x86a."
	if got := told(open(t, Settings{MaxLine: 20}, "pickle"), long); got != "" {
		t.Errorf("a pickled name that is longer than a line gave %q", got)
	}
	longest := "]U\x14a.h.xxxxxxxxxxxxxxxxK\x01K\x01\x86\x86a."
	if got := told(open(t, Settings{MaxLine: 20}, "pickle"), longest); got != "a.xxxxxxxxxxxxxxxx;host=h" {
		t.Errorf("a pickled name as long as a line gave %q", got)
	}
}

// What was laid by other frames stays, whatever comes of a frame.
func TestParse_AddsToTheBatch(t *testing.T) {
	for stream, frames := range map[string][2]string{
		"graphite": {"a.h.x 1 1474921202", "a.h.x 1"},
		"pickle":   {"]U\x05a.h.xK\x01K\x01\x86\x86a.", "]U\x05a.h.xK\x01K\x01\x86\x86a"},
	} {
		p := open(t, Settings{}, stream)
		var b wire.Batch
		for range 10 {
			if fault := p.Parse(request([]byte(frames[0])), &b); fault != nil {
				t.Fatal(fault)
			}
			if fault := p.Parse(request([]byte(frames[1])), &b); fault == nil {
				t.Fatal("half a frame is taken")
			}
		}
		if len(b.Records) != 10 || !bytes.Equal(b.Records[0].Value, b.Records[9].Value) {
			t.Errorf("%s: %d records of 10", stream, len(b.Records))
		}
	}
}

// A worker's parser carries nothing over from one frame to the next, whatever the last one was.
func TestParse_WorkersAreReused(t *testing.T) {
	var frames []string
	for _, c := range wiretest.Cases(t, "testdata") {
		if c.Path == "pickle" && len(c.Body) > frameHead {
			frames = append(frames, string(c.Body[frameHead:]))
		}
	}
	used := open(t, Settings{}, "pickle")
	for _, before := range frames {
		told(used, before)
		for _, frame := range frames[:10] {
			if got, want := told(used, frame), told(open(t, Settings{}, "pickle"), frame); got != want {
				t.Fatalf("after %q, %q is %q, fresh it is %q", before, frame, got, want)
			}
		}
	}
}

// A megabyte of pickle costs time in proportion, and memory that is given back, whatever it is made of.
func TestPickle_Bounds(t *testing.T) {
	fill := func(head, part, tail string) string {
		return head + strings.Repeat(part, (1<<20-len(head)-len(tail))/len(part)) + tail
	}
	name := "X\x00\x08\x00\x00" + "a.h." + strings.Repeat("\xe9", 2044)
	huge := "\x8b\x00\x00\x04\x00" + strings.Repeat("\xff", 1<<18)
	for _, c := range []struct {
		name, frame, want string
	}{
		{"many values", fill("](", "K\x01", "e."), "too_many"},
		{"many empty tuples", fill("](", ")", "e."), "too_many"},
		{"many texts", fill("](", "U\x00", "e."), "too_many"},
		{"many names", fill("](", "U\x05a.h.xK\x01K\x01\x86\x86", "e."), "too_many"},
		{"one point again and again", fill("]U\x05a.h.xK\x01K\x01\x86\x86q\x00a(", "h\x00", "e."), "too_many"},
		{"a long name again and again", fill("]"+name+"q\x00K\x01K\x01\x86q\x01\x86a(", "h\x00h\x01\x86"+strings.Repeat("q\x02", 7), "e."), "ok"},
		{"a long number again and again", fill("]("+huge+"q\x00", "U\x05a.h.xK\x01h\x00\x86\x86", "e."), "ok"},
		{"a long text for a number", fill("](X\x00\x00\x04\x00"+strings.Repeat("1", 1<<18)+"q\x00", "U\x05a.h.xK\x01h\x00\x86\x86", "e."), "ok"},
		{"a list into itself", fill("]q\x00", "h\x00a", "."), "bad_pickle"},
		{"the memo's last places", fill("]", "r\xff\xff\x00\x00", "."), "ok"},
		{"places beyond the memo", fill("]", "r\x00\x00\x01\x00", "."), "ok"},
		{"a place beyond the memo", "]r\x00\x00\x01\x00j\x00\x00\x01\x00.", "bad_pickle"},
		{"lines without an end", fill("]", "I", "."), "bad_pickle"},
		{"digits", fill("]I", "1", "\na."), "ok"},
		{"escapes", fill("]S'", "\\", "'\na."), "ok"},
		{"strings with tags", fill("]X\xf0\xff\x0f\x00", "a.h;", "K\x01K\x01\x86\x86a."), "ok"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := &pickles{names: &names{longest: DefaultMaxLine}}
			var b wire.Batch
			start := time.Now()
			if code := codeOf(p.Parse(request([]byte(c.frame)), &b)); code.String() != c.want {
				t.Errorf("%v, want %s", code, c.want)
			}
			if took := time.Since(start); took > 2*time.Second {
				t.Errorf("took %v", took)
			}
			b.Reset()
			if fault := p.Parse(request([]byte("].")), &b); fault != nil {
				t.Fatal(fault)
			}
			m := &p.machine
			for _, kept := range []int{cap(m.stack), cap(m.memo), cap(m.cells), cap(m.sequences), cap(m.texts)} {
				if kept > keepValues {
					t.Errorf("room for %d values is kept", kept)
				}
			}
		})
	}
}

// CPython's points are the same in every protocol, as tuples and as lists.
func TestGolden_ProtocolsAgree(t *testing.T) {
	read := func(name string) string {
		text, err := os.ReadFile("testdata/pickle_" + name + ".want")
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	want, odd := read("protocol2_tuples"), read("odd_names_2")
	for protocol := range highestProtocol + 1 {
		if name := fmt.Sprintf("odd_names_%d", protocol); read(name) != odd {
			t.Errorf("%s.want differs from odd_names_2.want", name)
		}
		for _, form := range []string{"tuples", "lists"} {
			if name := fmt.Sprintf("protocol%d_%s", protocol, form); read(name) != want {
				t.Errorf("%s.want differs from protocol2_tuples.want", name)
			}
		}
	}
}

// Every byte that an escape of Python's repr can spell, in octal and in hexadecimal.
func TestEscaped(t *testing.T) {
	for n := range 256 {
		for _, text := range []string{fmt.Sprintf("%03o", n), fmt.Sprintf("x%02x", n)} {
			if c, size := escaped([]byte(text + "7")); int(c) != n || size != len(text) {
				t.Errorf("\\%s is %d, of %d bytes", text, c, size)
			}
		}
	}
}
