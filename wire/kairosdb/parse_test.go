package kairosdb

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"penstock/wire"
)

// The world of these tests, without allocations of its own: bodies come unencoded.
type (
	plainBody struct{}
	fieldsIn  map[string]string
)

func (plainBody) Decode(_, src []byte, _ int) ([]byte, wire.Code) { return src, wire.OK }

func (f fieldsIn) Peek(name string) []byte {
	if value, ok := f[name]; ok {
		return []byte(value)
	}
	return nil
}

var topics = wire.DefaultTopics()

func post(body string) *wire.Request {
	return &wire.Request{Method: "POST", Query: fieldsIn{}, Header: fieldsIn{}, Body: []byte(body), Decode: plainBody{}, Topics: topics,
		Limit: 8 << 20, Now: 1500000000000}
}

// answer takes a body through parser and reply, and tells the records' values and what was said.
func answer(p wire.Parser, b *wire.Batch, body string) (values []string, status int, errors []string) {
	req := post(body)
	b.Reset()
	o := &wire.Outcome{Request: req}
	if o.Fault = p.Parse(req, b); o.Fault != nil {
		o.Verdict = wire.Refused
	}
	o.Items = b.Items
	o.Rejected, _ = b.Rejected()
	for i := range b.Records {
		values = append(values, string(b.Records[i].Value))
	}
	r := replyDatapoints(nil, o)
	var said struct{ Errors []string }
	if len(r.Body) > 0 {
		if err := json.Unmarshal(r.Body, &said); err != nil {
			panic(fmt.Sprintf("%s: %v", r.Body, err))
		}
	}
	return values, r.Status, said.Errors
}

func metricWith(name, rest string) string {
	return `{"name":"` + name + `","tags":{"a":"b"},` + rest + `}`
}

// A body that is cut anywhere keeps what stood whole before the cut, and is never taken for a whole one.
func TestParse_Cut(t *testing.T) {
	whole := "[" + metricWith("x", `"timestamp":1,"value":2`) + " ,\n" + metricWith("y", `"datapoints":[[1,2]]`) + " ]"
	first, second := strings.Index(whole, " ,"), strings.LastIndex(whole, " ]")
	var p parser
	var b wire.Batch
	for cut := range len(whole) {
		values, status, errors := answer(&p, &b, whole[:cut])
		want := 0
		if cut >= first {
			want++
		}
		if cut >= second {
			want++
		}
		if len(values) != want || status != 400 || len(errors) != 1 {
			t.Errorf("cut at %d: %d records, want %d; %d %q", cut, len(values), want, status, errors)
		}
	}
	if values, status, _ := answer(&p, &b, whole); len(values) != 2 || status != 204 {
		t.Errorf("the whole: %d records, %d", len(values), status)
	}
}

// A flaw costs the part it is in and nothing else.
func TestParse_Parts(t *testing.T) {
	good := metricWith("good", `"timestamp":1,"value":2`)
	for _, c := range []struct {
		name, bad string
		records   int // beside the good ones
		status    int
	}{
		{"no object", `7`, 0, 400},
		{"null", `null`, 0, 400},
		{"nothing", `{}`, 0, 400},
		{"no tags", `{"name":"x","timestamp":1,"value":2}`, 0, 400},
		{"a tag twice", `{"name":"x","tags":{"a":"1","b":"2","\u0061":"3"},"timestamp":1,"value":2}`, 0, 400},
		{"a name that is an object", `{"name":{},"tags":{"a":"b"},"timestamp":1,"value":2}`, 0, 400},
		{"a bad point", metricWith("x", `"datapoints":[[1,1],[],[2,2]]`), 1, 400},
		{"a bad time", metricWith("x", `"datapoints":[[1,1],["x",1],[2,2]]`), 1, 500},
		{"a bad value", metricWith("x", `"type":"long","timestamp":1,"value":"x","datapoints":[[1,1]]`), 1, 500},
		{"a type that is none", metricWith("x", `"datapoints":[[1,1,"x"],[1,1]]`), 1, 400},
		{"no point at all", metricWith("x", `"datapoints":[]`), 0, 204},
		{"a member that nobody knows first", `{"x":[{}],"name":"x","tags":{"a":"b"},"timestamp":1,"value":2}`, 1, 204},
		{"a time that is null", metricWith("x", `"timestamp":null,"value":2`), 0, 400},
		{"tags that are a list", `{"name":"x","tags":[1],"timestamp":1,"value":2}`, 0, 400},
		{"tags that are a text", `{"name":"x","tags":"a","timestamp":1,"value":2}`, 0, 400},
		{"tags twice", metricWith("x", `"tags":{"c":"d"},"timestamp":1,"value":2`), 1, 204},
		{"skip_validate of a list", metricWith("x", `"skip_validate":[],"timestamp":1,"value":2`), 0, 400},
		{"skip_validate of an object", metricWith("x", `"skip_validate":{},"timestamp":1,"value":2`), 0, 400},
		{"skip_validate of a number", metricWith("x", `"skip_validate":1,"timestamp":1,"value":2`), 0, 400},
		{"the longest ttl", metricWith("x", `"ttl":2147483647,"timestamp":1,"value":2`), 1, 204},
		{"a longer ttl", metricWith("x", `"ttl":2147483648,"timestamp":1,"value":2`), 0, 400},
		{"the least ttl", metricWith("x", `"ttl":-2147483648,"timestamp":1,"value":2`), 1, 204},
		{"one that is less", metricWith("x", `"ttl":-2147483649,"timestamp":1,"value":2`), 0, 400},
		{"points of four", metricWith("x", `"datapoints":[[1,2,"long",4,5]]`), 1, 204},
		{"points that are null", metricWith("x", `"datapoints":null`), 0, 204},
	} {
		var p parser
		var b wire.Batch
		values, status, errors := answer(&p, &b, "["+good+","+c.bad+","+good+"]")
		points := strings.Count(strings.Join(values, ""), `"good"`)
		if len(values) != c.records+1 || points != 1 || !strings.Contains(values[0], `[[1,2],[1,2]]`) || status != c.status {
			t.Errorf("%s: %q %d %q", c.name, values, status, errors)
		}
	}
}

// Errors name their place: a metric that is not in an array has no index, and a data point that was refused does not advance that of the next.
func TestParse_NamesPlaces(t *testing.T) {
	f := func(body string, want ...string) {
		t.Helper()
		_, _, errors := answer(new(parser), new(wire.Batch), body)
		if len(errors) != len(want) {
			t.Fatalf("%s: %q", body, errors)
		}
		for i := range want {
			if !strings.HasSuffix(errors[i], want[i]) {
				t.Errorf("%s: %q, want it to end with %q", body, errors[i], want[i])
			}
		}
	}
	const invalid, none = "(name=x) value is an invalid type", ".timestamp cannot be null or empty."
	f(`{"name":{}}`, " path $.name")
	f(`[{"name":{}}]`, " path $[0].name")
	f("["+metricWith("x", `"datapoints":[[1,{}],[2,[1]],[3,1,"x"],[4,"z","long"],[5,{},"long"],[]]`)+"]",
		invalid, invalid, "'x'", `"z"`, invalid, "(name=x).datapoints[0]"+none)
	f("["+metricWith("x", `"datapoints":[[1,1],[2,{}],[3,1],[]]`)+"]", invalid, "(name=x).datapoints[2]"+none)
	for _, letter := range []string{"a", "z", "A", "Z"} { // a word that Gson has not read
		f("["+letter, " at line 1 column 2 path $[0]")
	}
	for _, sign := range []string{"@", "`", "}", "~"} {
		f("["+sign, " at line 1 column 3 path $[0]")
	}
	f("["+metricWith("x", `"datapoints":[[null,1],[]]`)+"]", "[0].timestamp may not be null.", "[0]"+none)
	f("["+metricWith("x", `"datapoints":[["x",1],[1,""],[1,[ ]],[]]`)+"]", `"x"`, "[0].value may not be empty.", "[0].value may not be an empty array.", "[0]"+none)
	f(`[{"name":{}},`+"\n\t"+`{"name":"é世😀","tags":{"a" :  {}}}]`, " at line 1 column 11 path $[0].name", " at line 2 column 33 path $[1].tags.")
	f(`[{"tags":true},{"tags":"true"},{"tags":12}]`, "BOOLEAN at line 1 column 14 path $[0].tags", "STRING at line 1 column 25 path $[1].tags", "NUMBER at line 1 column 42 path $[2].tags")
}

// What a message repeats of a client's text is cut between letters and has no control bytes.
func TestAppendText(t *testing.T) {
	x := func(n int) string { return strings.Repeat("x", n) }
	for text, want := range map[string]string{
		"": "", "a b": "a b", "a\n\x1f\x00b": "a   b", "\x7f": "\x7f", x(maxQuoted): x(maxQuoted), x(maxQuoted + 1): x(maxQuoted) + "...",
		x(maxQuoted-2) + "é" + "y": x(maxQuoted-2) + "é...", x(maxQuoted-1) + "é": x(maxQuoted-1) + "...", x(maxQuoted-2) + "世": x(maxQuoted-2) + "...",
		x(maxQuoted-1) + "世": x(maxQuoted-1) + "...", x(maxQuoted-3) + "😀": x(maxQuoted-3) + "...", x(maxQuoted-4) + "😀y": x(maxQuoted-4) + "😀...",
		x(maxQuoted-4) + "\x80\x80\x80\x80\x80": x(maxQuoted-4) + "\x80\x80\x80\x80...",
	} {
		if got := string(appendText([]byte("kept "), []byte(text))); got != "kept "+want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}

// A body may be a byte order mark, or an array of nothing, and as long as the limit; and more is said than there is room for, no message is empty.
func TestParse_Edges(t *testing.T) {
	var p parser
	f := func(body string, limit int, want wire.Code) {
		t.Helper()
		req := post(body)
		req.Limit = limit
		var b wire.Batch
		code := wire.OK
		if fault := p.Parse(req, &b); fault != nil {
			code = fault.Code
		}
		if _, refused := b.Rejected(); code != want || refused > 0 {
			t.Errorf("%q: %v with %d refused, want %v", body, code, refused, want)
		}
	}
	f("\ufeff", 100, wire.NoData)
	f("\ufeff ", 100, wire.NoData)
	f("\ufeff[]", 100, wire.OK)
	f("[ \n]", 4, wire.OK)
	f("[ \n]", 3, wire.TooLarge)
	for _, many := range []string{`{}`, `{"name":"x","tags":{"a":"b"},"datapoints":[[],[]]}`} { // the first element has two messages and is one part
		_, _, errors := answer(&p, new(wire.Batch), "[{},"+strings.Repeat(many+",", 2*MaxErrors)+many+"]")
		if len(errors) != MaxErrors+1 || slices.Contains(errors, "") {
			t.Errorf("%s: %q", many, errors)
		}
	}
	values, _, _ := answer(&p, new(wire.Batch), "["+metricWith("x", `"tags":{"c":"d"},"timestamp":1,"value":2`)+"]")
	if len(values) != 1 || !strings.Contains(values[0], `"tags":{"c":"d"}`) {
		t.Errorf("of tags that come twice the last count: %q", values)
	}
	tags := strings.TrimSuffix(strings.Repeat(`"a":"b",`, 2*keepTags), ",")
	answer(&p, new(wire.Batch), `[{"tags":{`+tags+`}}]`)
	if answer(&p, new(wire.Batch), `[]`); cap(p.tags) > keepTags || cap(p.sorted) > keepTags {
		t.Errorf("room for %d tags is kept", cap(p.tags))
	}
}

// Every page that has a body is compressed for those who ask.
func TestNew_Gzip(t *testing.T) {
	for _, route := range New(Settings{}).Routes {
		empty := route.Methods[0] == "OPTIONS" || strings.HasSuffix(route.Path, "/check")
		if route.Gzip == empty {
			t.Errorf("%s %s: gzip is %v", route.Methods, route.Path, route.Gzip)
		}
	}
}

// What is no time: a text that is no number, and a number that nobody would write.
func TestPointTime(t *testing.T) {
	var p parser
	for text, want := range map[string]int64{
		"0": 0, "1.9": 1, "-1.9": -1, "1e3": 1000, `"7"`: 7, `"+7"`: 7, `"-9223372036854775808"`: math.MinInt64, "-9223372036854775808": math.MinInt64,
		`"9223372036854775807"`: math.MaxInt64, "1." + strings.Repeat("0", maxNumber-2): 1,
	} {
		if ms, ok := p.pointTime([]byte(text)); !ok || ms != want {
			t.Errorf("%s is %d, %v; want %d", text, ms, ok, want)
		}
	}
	for _, text := range []string{`""`, `"+"`, `"-"`, `"1.9"`, `"1 "`, `"a"`, `"9223372036854775808"`, `"-9223372036854775809"`, `"92233720368547758070"`, "true", "null", "{}", "[1]",
		"9223372036854775808", "-9223372036854775809", "1." + strings.Repeat("0", maxNumber-1)} {
		if ms, ok := p.pointTime([]byte(text)); ok {
			t.Errorf("%s is %d", text, ms)
		}
	}
}

// What a value becomes: a long's fraction is cut off, and a number that nobody would write is none.
func TestValue(t *testing.T) {
	long := "1." + strings.Repeat("0", maxNumber-2)
	p := parser{request: request{Batch: new(wire.Batch)}}
	for _, c := range []struct {
		kind       pointKind
		sent, want string
	}{
		{longKind, "0", "0"}, {longKind, "-0", "0"}, {longKind, "9.9", "9"}, {longKind, "-9.9", "-9"}, {longKind, `"9"`, "9"}, {longKind, `"9.9"`, "none"},
		{longKind, "123456789012345678", "123456789012345678"}, {longKind, "9223372036854775807", "9223372036854775807"},
		{longKind, long, "1"}, {longKind, long + "0", "none"}, {longKind, "true", "none"}, {longKind, "1e309", "none"},
		{doubleKind, "0", "0"}, {doubleKind, "9.50", "9.50"}, {doubleKind, long, long}, {doubleKind, long + "0", "none"}, {doubleKind, "1e309", "none"},
		{doubleKind, `".5"`, "0.5"}, {doubleKind, `"x"`, "none"}, {doubleKind, "true", "none"},
		{stringKind, "0", `"0"`}, {stringKind, `"x"`, `"x"`}, {stringKind, "true", `"true"`},
	} {
		json, ok := p.value(c.kind, []byte(c.sent))
		got := string(json)
		if !ok {
			got = "none"
		}
		if got != c.want {
			t.Errorf("%s of %s is %s, want %s", kindNames[c.kind], c.sent, got, c.want)
		}
	}
}

// A worker's parser and batch carry nothing over from one request to the next, whatever the last one was.
func TestParse_WorkersAreReused(t *testing.T) {
	bodies := []string{
		"[" + metricWith("x", `"timestamp":1,"value":2,"ttl":5`) + "]", `[{}]`, `{"name":"\u0061","tags":{"b":"1","a":"2"},"datapoints":[[1,"\u0061"]]}`,
		`[{"timestamp":1,"value":1,"skip_validate":true}]`, ``, `[`, "\n\n[7]", strings.Repeat("[", 100), `[{"name":"x","tags":{"a":"","b":null}}]`,
		"[" + strings.Repeat(metricWith("x", `"datapoints":[[1,2],[],[null]]`)+",", 700) + "7]",
	}
	var p parser
	var b wire.Batch
	tell := func(p wire.Parser, b *wire.Batch, body string) string {
		values, status, errors := answer(p, b, body)
		return fmt.Sprint(values, status, errors)
	}
	for _, before := range bodies {
		for _, body := range bodies {
			tell(&p, &b, before)
			if got, want := tell(&p, &b, body), tell(new(parser), new(wire.Batch), body); got != want {
				t.Fatalf("after %.40q, %.40q gave\n%s\nfresh it gives\n%s", before, body, got, want)
			}
		}
	}
}

// Neither long names nor many errors make a small body a large reply.
func TestReply_IsBounded(t *testing.T) {
	name := strings.Repeat("n", 1<<20)
	tags := []string{`"` + strings.Repeat("k", 1<<20) + `":""`}
	for i := range 50_000 {
		tags = append(tags, `"`+strconv.Itoa(i)+`":""`)
	}
	var p parser
	var b wire.Batch
	for _, body := range []string{
		"[" + metricWith(name, `"datapoints":[`+strings.Repeat("[],", 100_000)+"[]]") + "]",
		"[" + metricWith(name, `"tags":{`+strings.Join(tags, ",")+`},"timestamp":1,"value":2`) + "]",
		"[" + strings.Repeat("7,", 200_000) + "7]",
	} {
		_, status, errors := answer(&p, &b, body)
		size := len(strings.Join(errors, ""))
		if status != 400 || len(errors) != MaxErrors+1 || size > MaxErrors*(2*maxQuoted+100) {
			t.Errorf("%d with %d errors of %d bytes", status, len(errors), size)
		}
		if !strings.HasSuffix(errors[MaxErrors], "more errors are not listed.") {
			t.Errorf("ends with %q", errors[MaxErrors])
		}
	}
}

// Every refusal's reply is JSON of the server's form.
func TestReply_IsJSON(t *testing.T) {
	for _, code := range wire.Codes() {
		for _, kind := range []string{"", "application/gzip; q=1"} {
			o := &wire.Outcome{Verdict: wire.Refused, Fault: &wire.Fault{Code: code, Offset: 17}, Request: post("")}
			o.Request.Header = fieldsIn{"Content-Type": kind}
			r := replyDatapoints([]byte("kept"), o)
			var got struct{ Errors []string }
			if err := json.Unmarshal(bytes.TrimPrefix(r.Body, []byte("kept")), &got); err != nil || len(got.Errors) != 1 {
				t.Fatalf("%s: %v", r.Body, err)
			}
			want := 400
			switch {
			case code == wire.TooLarge:
				want = 413
			case code == wire.NoKey || code == wire.BadKey:
				want = 401
			case code == wire.BadCompression && kind == "":
				want = 500
			}
			if r.Status != want || !strings.HasPrefix(r.Type, "application/json") {
				t.Errorf("%v: %d %s, want %d", code, r.Status, r.Type, want)
			}
		}
	}
}

func TestPreflight_EchoesNoMoreThanNames(t *testing.T) {
	for value, echoed := range map[string]bool{"x-a, x-b": true, "~ ": true, strings.Repeat("x", maxEcho): true, "\x7f": false, "": false, "a\x01": false, "é": false, strings.Repeat("x", maxEcho+1): false} {
		req := post("")
		req.Header = fieldsIn{"Access-Control-Request-Headers": value}
		r := preflight(nil, &wire.Outcome{Request: req})
		if got := len(r.Fields) == 3; got != echoed || r.Status != 200 {
			t.Errorf("%.10q: %v", value, r.Fields)
		}
	}
	if r := preflight(nil, &wire.Outcome{Verdict: wire.Refused, Fault: &wire.Fault{Code: wire.TooLarge}, Request: post("")}); r.Status != 413 {
		t.Errorf("one that is too large is answered %d", r.Status)
	}
}

func TestKey(t *testing.T) {
	for header, want := range map[string]string{
		"Basic dXNlcjpzZWNyZXQ=": "secret", "basic  dXNlcjpzZTpj": "se:c", "Basic dXNlcg==": "", "Basic dXNlcjo=": "", "Basic !": "", "Basic": "",
		"Bearer tok": "tok", "BEARER  tok ": "tok", "Bearer": "", "Bearer ": "", "": "", "Digest x": "",
	} {
		req := post("")
		req.Header = fieldsIn{"Authorization": header}
		if got := key(req); string(got) != want || (got == nil) != (want == "") {
			t.Errorf("%q: %q, want %q", header, got, want)
		}
	}
}

func TestNumbers(t *testing.T) {
	double := func(text, want string) {
		t.Helper()
		got, ok := appendDouble(nil, []byte(text))
		if !ok {
			got = nil
		}
		if string(got) != want || ok != (want != "") {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	for text, want := range map[string]string{
		"1": "1", "1.5": "1.5", ".5": "0.5", "5.": "5.0", "-.5": "-0.5", "+1.5": "1.5", "1.5f": "1.5", "1.5D": "1.5", "1.0E5": "1.0E5",
		"1.e-05": "1.0e-05", "007.50": "7.50", " 1.5\t": "1.5", "-0.0": "-0.0", "1e308": "1e308", "0e999": "0e999", "1e-999": "1e-999",
		"": "", ".": "", "-": "", "e5": "", "1e": "", "1e+": "", "1.2.3": "", "0x1p3": "", "NaN": "", "Infinity": "", "1e309": "", "--1": "",
		"1_0": "", "1,5": "", "1.5ff": "", "é": "", strings.Repeat("1", 64): strings.Repeat("1", 64), strings.Repeat("1", 65): "",
	} {
		double(text, want)
	}
	whole := func(text string, want int64, how wholeness) {
		t.Helper()
		if got, is := wholeNumber([]byte(text)); is != how || how == isWhole && got != want {
			t.Errorf("%q: %d %v, want %d %v", text, got, is, want, how)
		}
	}
	whole("5", 5, isWhole)
	whole("-5.0", -5, isWhole)
	whole("5e3", 5000, isWhole)
	whole("+5", 5, isWhole)
	whole("50e-1", 5, isWhole)
	whole("9223372036854775807", math.MaxInt64, isWhole)
	whole("-9223372036854775808", math.MinInt64, isWhole)
	whole("9223372036854775808", 0, notWhole)
	whole("-9223372036854775809", 0, notWhole)
	whole("-9223372036854775807.5", 0, notWhole)
	whole("5.5", 0, notWhole)
	whole("-0.1", 0, notWhole)
	whole("1e-400", 0, notWhole)
	whole("", 0, notOne)
	whole("soon", 0, notOne)
}

// isFinite agrees with the library at the edge of what a double holds.
func TestIsFinite(t *testing.T) {
	for _, digits := range []string{
		"1", "9", "17976931348623157", "17976931348623158", "1797693134862315806", "17976931348623159", "1797693134862315708145274237317",
		"1797693134862315808", "0",
	} {
		for exponent := range 330 {
			for _, sign := range []string{"", "-"} {
				for _, e := range []string{"e", "E"} {
					text := sign + digits + e + strconv.Itoa(exponent)
					f, _ := strconv.ParseFloat(text, 64)
					if got := isFinite([]byte(text)); got == math.IsInf(f, 0) {
						t.Errorf("%s: %v", text, got)
					}
				}
			}
		}
	}
}
