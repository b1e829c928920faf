package stackstate

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"penstock/wire"
)

// The world of these tests, without allocations of its own: bodies come unencoded.
type (
	plain  struct{}
	fields [][2]string
)

func (plain) Decode(_, src []byte, _ int) ([]byte, wire.Code) { return src, wire.OK }

func (f fields) Peek(name string) []byte {
	for _, pair := range f {
		if pair[0] == name {
			return []byte(pair[1])
		}
	}
	return nil
}

func request(body string) *wire.Request {
	return &wire.Request{Method: "POST", Query: fields{}, Header: fields{}, Body: []byte(body), Decode: plain{}, Topics: wire.DefaultTopics(),
		Tenant: []byte("acme"), Limit: 64 << 20, Now: 1500000000000}
}

func codeOf(f *wire.Fault) wire.Code {
	if f == nil {
		return wire.OK
	}
	return f.Code
}

// The doors' parsers.
var parsers = map[string]func() wire.Parser{
	"intake":    func() wire.Parser { return new(intake) },
	"series":    func() wire.Parser { return new(series) },
	"check_run": func() wire.Parser { return new(checkRun) },
}

// list is an array of n elements.
func list(n int, one func(i int) string) string {
	all := make([]string, n)
	for i := range all {
		all[i] = one(i)
	}
	return "[" + strings.Join(all, ",") + "]"
}

func same(text string) func(int) string { return func(int) string { return text } }

// common is the common object with one of its parts.
func common(part, value string) string {
	return `{"internalHostname":"agent.test","` + part + `":` + value + `}`
}

func metricOf(i int) string {
	return fmt.Sprintf(`["system.disk.%d",1548857152,%d.5,{"hostname":"web01","type":"gauge","tags":["env:prod","role:db","role:web"],"device_name":"sda"}]`, i, i)
}

const (
	oneEvent = `{"msg_title":"T","msg_text":"t\u00e9","timestamp":1548857342,"priority":"low","alert_type":"error","host":"web01",` +
		`"source_type_name":"s","event_type":"E","tags":["b:c","a:d"],"context":{"category":"Changes","source":"x"}}`
	oneCheck  = `{"check":"ntp.in_sync","host_name":"web01","timestamp":1548857152,"status":0,"message":"m","tags":["a:b"]}`
	oneSeries = `{"metric":"system.load.1","points":[[1548857152,0.25],[1548857167,0.5]],"tags":["env:prod"],"host":"web01","type":"gauge","interval":15,"device":"sda"}`
	oneHealth = `{"consistency_model":"REPEAT_SNAPSHOTS","start_snapshot":{"repeat_interval_s":50,"expiry_interval_s":200},"stop_snapshot":{},` +
		`"stream":{"urn":"urn:health:a:b","sub_stream_id":"s"},"check_states":[{"checkStateId":"1","health":"clear","name":"n"},{"checkStateId":"2","delete":true}]}`
	oneTopology = `{"instance":{"type":"mesos","url":"http://a"},"components":[{"externalId":"a","type":{"name":"host"},"data":{}}],"relations":[]}`
)

// everything is a common object with all parts.
func everything() string {
	return `{"collection_timestamp":1548857167.5,"events":{"a":[` + oneEvent + `,` + oneEvent + `],"b":[` + oneEvent + `]},"internalHostname":"h",` +
		`"metrics":` + list(3, metricOf) + `,"service_checks":[` + oneCheck + `],"topologies":[` + oneTopology + `],"health":[` + oneHealth + `],"gohai":"{\"a\":1}"}`
}

// tell is all that came of a request, in one text.
func tell(p wire.Parser, b *wire.Batch, body string) string {
	b.Reset()
	var out strings.Builder
	if fault := p.Parse(request(body), b); fault != nil {
		fmt.Fprintf(&out, "%s %s\n", fault.Error(), fault.Detail)
	}
	for _, r := range b.Records {
		fmt.Fprintf(&out, "%s %q %d %s\n", r.Topic, r.Key, r.Time, r.Value)
	}
	kept, all := b.Rejected()
	fmt.Fprintf(&out, "%d rejected", all)
	for _, f := range kept {
		fmt.Fprintf(&out, " %s %s", f.Error(), f.Raw)
	}
	return out.String()
}

// A worker's parser and batch carry nothing over from one request to the next, whatever the last one was.
func TestParse_WorkersAreReused(t *testing.T) {
	bodies := []string{
		everything(), common("metrics", list(300, metricOf)), `{"internalHostname":""}`, `{"metrics":[["m",1,1,{"tags":["a:b"]}]]}`, `{`, ``, `null`, `[]`,
		common("metrics", `[["m",1,1,{}],["host",1,1,{"tags":["x:y"]}],["m",1,1,{}]]`), common("events", `{"e":[{"timestamp":1},{"timestamp":1,"tags":["x"]},{}]}`),
		common("health", `[{},{"stream":{"urn":"urn:health:a:b"}}]`), `{"series":[` + oneSeries + `,{"metric":"m","points":[[1,1]]}]}`, `{"series":[{"metric":"m"}]}`,
		`[` + oneCheck + `,{"check":"c","status":1}]`, `[{"check":"c"}]`, `{"apiKey":"secret","series":1}`, `{"collection_timestamp":7,"internalHostname":"x","topologies":[{}]}`,
	}
	for door, fresh := range parsers {
		p := fresh()
		var b wire.Batch
		for _, before := range bodies {
			for _, body := range bodies {
				tell(p, &b, before)
				if got, want := tell(p, &b, body), tell(fresh(), new(wire.Batch), body); got != want {
					t.Fatalf("%s: after %.40q, %.40q gave\n%s\nfresh it gives\n%s", door, before, body, got, want)
				}
			}
		}
	}
}

// In whatever order members and tags come, the same records come out.
func TestParse_OrderOfMembers(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 5))
	mix := func(open, end string, all ...string) string {
		r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		return open + strings.Join(all, ",") + end
	}
	tags := func() string { return `"tags":` + mix("[", "]", `"a:2"`, `"a:1"`, `"b:"`, `"b"`, `"c:x:y"`) }
	build := func() string {
		return mix("{", "}", `"internalHostname":"h"`, `"collection_timestamp":7`, `"x":[{"metrics":1}]`,
			`"metrics":[["m",1,2,`+mix("{", "}", `"hostname":null`, `"type":"gauge"`, tags(), `"device_name":"d"`)+`]]`,
			`"events":{"e":[`+mix("{", "}", `"msg_title":"T"`, `"msg_text":"t"`, `"timestamp":1`, `"priority":"low"`, `"context":{"b":1,"a":2}`, `"event_type":"E"`, tags())+`]}`,
			`"service_checks":[`+mix("{", "}", `"check":"c"`, `"status":1`, `"message":"m"`, tags())+`]`,
			`"topologies":[`+oneTopology+`]`, `"health":[`+oneHealth+`]`)
	}
	want := tell(new(intake), new(wire.Batch), build())
	for range 200 {
		body := build()
		if got := tell(new(intake), new(wire.Batch), body); got != want {
			t.Fatalf("%s gave\n%s\nand in another order\n%s", body, got, want)
		}
	}
	if n := strings.Count(want, `"host":"h"`); n != 3 || !strings.Contains(want, `"a":"1,2","b":"","c":"x:y"`) {
		t.Errorf("%d records with the sender's host in\n%s", n, want)
	}
}

// A body that was cut off anywhere is refused, and nothing of it is stored.
func TestParse_CutOff(t *testing.T) {
	for door, body := range map[string]string{"intake": everything(), "series": `{"series":[` + oneSeries + `]}`, "check_run": `[` + oneCheck + `]`} {
		p := parsers[door]()
		var b wire.Batch
		for n := range len(body) {
			b.Reset()
			if fault := p.Parse(request(body[:n]), &b); fault == nil || len(b.Records) > 0 {
				t.Fatalf("%q: %v and %d records", body[:n], fault, len(b.Records))
			}
		}
	}
}

// Every value in the place of every member: what is of the wrong type refuses the whole body, at that value's place.
func TestParse_Types(t *testing.T) {
	values := map[string]string{"null": `null`, "text": `"x"`, "number": `7`, "true": `true`, "list": `[]`, "object": `{}`}
	const text, number, options, any = "text", "number", "null text", "null text number true list object"
	for _, c := range []struct{ door, body, takes string }{
		{"intake", `{"internalHostname":@}`, text},
		{"intake", `{"collection_timestamp":@,"internalHostname":"h"}`, "null number"},
		{"intake", `{"metrics":@,"internalHostname":"h"}`, "null list"},
		{"intake", `{"events":@,"internalHostname":"h"}`, "null object"},
		{"intake", `{"service_checks":@,"internalHostname":"h"}`, "null list"},
		{"intake", `{"topologies":@,"internalHostname":"h"}`, "null list"},
		{"intake", `{"health":@,"internalHostname":"h"}`, "null list"},
		{"intake", `{"apiKey":@,"internalHostname":"h"}`, any},
		{"intake", common("metrics", `[[@,1,1,{}]]`), text},
		{"intake", common("metrics", `[["m",@,1,{}]]`), number},
		{"intake", common("metrics", `[["m",1,@,{}]]`), number},
		{"intake", common("metrics", `[["m",1,1,@]]`), "object"},
		{"intake", common("metrics", `[["m",1,1,{"hostname":@}]]`), options},
		{"intake", common("metrics", `[["m",1,1,{"type":@}]]`), options},
		{"intake", common("metrics", `[["m",1,1,{"device_name":@}]]`), options},
		{"intake", common("metrics", `[["m",1,1,{"tags":@}]]`), "null list"},
		{"intake", common("metrics", `[["m",1,1,{"tags":[@]}]]`), text},
		{"intake", common("metrics", `[["m",1,1,{"other":@}]]`), any},
		{"intake", common("events", `{"e":@}`), "null list"},
		{"intake", common("events", `{"e":[{"timestamp":@}]}`), number},
		{"intake", common("events", `{"e":[{"timestamp":1,"msg_title":@}]}`), options},
		{"intake", common("events", `{"e":[{"timestamp":1,"msg_text":@}]}`), options},
		{"intake", common("events", `{"e":[{"timestamp":1,"host":@}]}`), options},
		{"intake", common("events", `{"e":[{"timestamp":1,"source_type_name":@}]}`), options},
		{"intake", common("events", `{"e":[{"timestamp":1,"tags":@}]}`), "null list"},
		{"intake", common("events", `{"e":[{"timestamp":1,"priority":@}]}`), any},
		{"intake", common("events", `{"e":[{"timestamp":1,"context":@}]}`), any},
		{"intake", common("events", `{"e":[{"timestamp":1,"other":@}]}`), any},
		{"intake", common("service_checks", `[{"check":@,"status":1}]`), text},
		{"intake", common("service_checks", `[{"check":"c","status":@}]`), number},
		{"intake", common("topologies", `[{"instance":@}]`), any},
		{"intake", common("topologies", `[{"instance":{"type":@,"url":"u"}}]`), any},
		{"intake", common("health", `[{"stream":@}]`), any},
		{"intake", common("health", `[{"check_states":[@]}]`), any},
		{"intake", common("health", `[{"check_states":[{"checkStateId":@}]}]`), any},
		{"intake", common("health", `[{"increment":{"checkpoint":@}}]`), any},
		{"intake", common("health", `[{"start_snapshot":@}]`), any},
		{"check_run", `[{"check":"c","status":1,"host_name":@}]`, options},
		{"check_run", `[{"check":"c","status":1,"message":@}]`, options},
		{"check_run", `[{"check":"c","status":1,"tags":@}]`, "null list"},
		{"check_run", `[{"check":"c","status":1,"timestamp":@}]`, "null number"},
		{"check_run", `[{"check":"c","status":1,"other":@}]`, any},
		{"series", `{"series":@}`, "list"},
		{"series", `{"series":[@]}`, "none"}, // an object of nothing neither
		{"series", `{"series":[{"metric":@,"points":[]}]}`, text},
		{"series", `{"series":[{"metric":"m","points":@}]}`, "list"},
		{"series", `{"series":[{"metric":"m","points":[[@,1]]}]}`, number},
		{"series", `{"series":[{"metric":"m","points":[[1,@]]}]}`, number},
		{"series", `{"series":[{"metric":"m","points":[],"host":@}]}`, options},
		{"series", `{"series":[{"metric":"m","points":[],"type":@}]}`, options},
		{"series", `{"series":[{"metric":"m","points":[],"device":@}]}`, options},
		{"series", `{"series":[{"metric":"m","points":[],"source_type_name":@}]}`, options},
		{"series", `{"series":[{"metric":"m","points":[],"tags":@}]}`, "null list"},
		{"series", `{"series":[{"metric":"m","points":[],"interval":@}]}`, any},
	} {
		for kind, value := range values {
			takes := strings.Contains(c.takes, kind)
			var b wire.Batch
			fault := parsers[c.door]().Parse(request(strings.Replace(c.body, "@", value, 1)), &b)
			if (fault == nil) != takes {
				t.Errorf("%s with a %s: %v", c.body, kind, fault)
				continue
			}
			isMissing := kind == "null" && c.takes == "list" // points: null is as good as none
			if fault != nil && !isMissing && fault.Offset != strings.IndexByte(c.body, '@') {
				t.Errorf("%s with a %s: %v, where the value is at %d", c.body, kind, fault, strings.IndexByte(c.body, '@'))
			}
			if fault != nil && !strings.HasPrefix(string(fault.Detail), deserialize) {
				t.Errorf("%s with a %s: %q", c.body, kind, fault.Detail)
			}
		}
	}
}

// What a client can make grow has a bound, and the last that passes is the bound.
func TestParse_Bounds(t *testing.T) {
	if testing.Short() {
		t.Skip("bodies of many MiB")
	}
	f := func(door, body string, want wire.Code) {
		t.Helper()
		b := new(wire.Batch)
		if code := codeOf(parsers[door]().Parse(request(body), b)); code != want || code != wire.OK && len(b.Records) > 0 || len(b.Records) > MaxRecords {
			t.Errorf("%.60s: %v with %d records, want %v", body, code, len(b.Records), want)
		}
	}
	numbered := func(form string) func(int) string { return func(i int) string { return fmt.Sprintf(form, i) } }
	for _, extra := range []int{0, 1} {
		want := []wire.Code{wire.OK, wire.TooMany}[extra]
		n := MaxRecords + extra
		f("intake", common("metrics", list(n, numbered(`["m%d",1,1,{}]`))), want)
		f("intake", common("events", `{"e":`+list(n, same(`{"timestamp":1}`))+`}`), want)
		f("intake", common("service_checks", list(n, same(`{"check":"c","status":0}`))), want)
		f("intake", common("topologies", list(n, same(`{}`))), want)
		f("intake", common("health", list(n, same(`{"stream":{"urn":"urn:health:a:b"}}`))), want)
		f("check_run", list(n, same(`{"check":"c","status":0}`)), want)
		f("series", `{"series":`+list(n, numbered(`{"metric":"m%d","points":[[1,1]]}`))+`}`, want)
		f("intake", `{"internalHostname":"h","metrics":`+list(MaxRecords/2, numbered(`["m%d",1,1,{}]`))+`,"topologies":`+list(MaxRecords/2+extra, same(`{}`))+`}`, want)

		long := strings.Repeat("x", MaxSpread/1024+extra)
		f("intake", `{"internalHostname":"`+long+`","metrics":`+list(1024, same(`["m",1,1,{}]`))+`}`, want)
		f("intake", `{"internalHostname":"`+long+`","events":{"e":`+list(1023, same(`{"timestamp":1}`))+`}}`, wire.OK)
		f("intake", `{"internalHostname":"`+long+`","service_checks":`+list(1024, same(`{"check":"c","status":0}`))+`}`, want)
		f("intake", `{"internalHostname":"","events":{"`+long+`":`+list(1024, same(`{"timestamp":1}`))+`}}`, want)
	}
	f("intake", common("metrics", list(200_000, same(`["m",1,1,{}]`))), wire.OK) // points of one series are one record

	req := request(`{"internalHostname":"h"}`)
	req.Limit = len(req.Body) - 1
	if code := codeOf(new(intake).Parse(req, new(wire.Batch))); code != wire.TooLarge {
		t.Errorf("a byte above the limit: %v", code)
	}
}

// The bounds are a request's own: what a worker has seen before does not count. The last byte within the limit is within it. And when a request
// is over nothing of it is held.
func TestParse_BoundsAreOfARequest(t *testing.T) {
	i, s := new(intake), new(series)
	i.laid, s.laid, i.spread, s.spread = MaxRecords+1, MaxRecords+1, MaxSpread+1, MaxSpread+1
	for body, p := range map[string]wire.Parser{everything(): i, `{"series":[` + oneSeries + `]}`: s} {
		var b wire.Batch
		req := request(body)
		req.Limit = len(body)
		if fault := p.Parse(req, &b); fault != nil || len(b.Records) == 0 {
			t.Errorf("%.60s: %v with %d records", body, fault, len(b.Records))
		}
		req.Limit = len(body) - 1
		if code := codeOf(p.Parse(req, &b)); code != wire.TooLarge {
			t.Errorf("%.60s, a byte above the limit: %v", body, code)
		}
	}
	many := `"tags":` + list(keepRoom+1, same(`"a:b"`))
	i.Parse(request(common("metrics", `[["m",1,1,{`+many+`}]]`)), new(wire.Batch))
	s.Parse(request(`{"series":[{"metric":"m","points":[[1,1]],`+many+`}]}`), new(wire.Batch))
	for _, in := range []*input{&i.input, &s.input} {
		if in.Batch != nil || in.body != nil || in.host != nil || in.topics != nil || in.from.Tenant != nil || cap(in.tags) > keepRoom {
			t.Errorf("still held, with room for %d tags: %+v", cap(in.tags), in)
		}
	}
	for body, p := range map[string]wire.Parser{everything(): i, `{"series":[` + oneSeries + `]}`: s} {
		p.Parse(request(body), new(wire.Batch))
	}
	for _, in := range []*input{&i.input, &s.input} {
		for _, tag := range in.tags[:cap(in.tags)] {
			if tag.Name != nil || tag.Value != nil {
				t.Fatalf("the tag %s:%s is still held", tag.Name, tag.Value)
			}
		}
	}
}

// A value that is shown to its sender is cut between letters, and bytes that are none anywhere.
func TestWholeRunes(t *testing.T) {
	for tail, want := range map[string]int{"": shown, "x": shown, "é": shown, "\x80": shown - 1} {
		if got := wholeRunes([]byte(strings.Repeat("x", shown) + tail + "xxx")); got != want {
			t.Errorf("%q behind %d bytes: cut at %d", tail, shown, got)
		}
	}
	for size := 1; size < 4; size++ {
		letter := []string{"é", "世", "😀"}[size-1]
		for inside := 1; inside <= size; inside++ {
			text := strings.Repeat("x", shown-inside) + letter + "xxx"
			if got := wholeRunes([]byte(text)); got != shown-inside {
				t.Errorf("%d bytes into %s: cut at %d", inside, letter, got)
			}
		}
	}
	for _, junk := range []string{strings.Repeat("\x80", 2*shown), strings.Repeat("x", shown-3) + strings.Repeat("\x80", shown)} {
		if got := wholeRunes([]byte(junk)); got != shown {
			t.Errorf("of %q: cut at %d", junk, got)
		}
	}
	for size, cut := range map[int]bool{shown: false, shown + 1: true} {
		fault := new(intake).Parse(request(`{"internalHostname":`+strings.Repeat("7", size)+`}`), new(wire.Batch))
		if fault == nil || strings.HasSuffix(string(fault.Detail), "7…") != cut {
			t.Errorf("a value of %d bytes is shown as %s", size, fault.Detail)
		}
	}
}

// Tags are of what they stand in, and of nothing behind it.
func TestParse_TagsAreTheirOwn(t *testing.T) {
	for body, door := range map[string]string{
		common("metrics", `[["m",1,1,{"tags":["a:b"]}],["n",1,1,{}]]`):                                             "intake",
		common("events", `{"e":[{"timestamp":1,"tags":["a:b"]},{"timestamp":1}]}`):                                 "intake",
		common("service_checks", `[{"check":"c","status":0,"tags":["a:b"]},{"check":"c","status":0}]`):             "intake",
		`{"series":[{"metric":"m","points":[[1,1]],"tags":["a:b"]},{"metric":"n","points":[[1,1]],"device":"d"}]}`: "series",
	} {
		var b wire.Batch
		fault := parsers[door]().Parse(request(body), &b)
		if fault != nil || len(b.Records) != 2 || !strings.Contains(string(b.Records[0].Value), `"a":"b"`) || strings.Contains(string(b.Records[1].Value), `"a":"b"`) {
			t.Errorf("%s: %v, %s", body, fault, b.Records[1].Value)
		}
	}
}

// A value is kept that a double can hold, and that nobody had to read for long.
func TestPoint(t *testing.T) {
	in := input{shift: 3}
	long := "1." + strings.Repeat("0", longestNumber-2)
	for value, want := range map[string]wire.Code{
		"1.797693134862315708e308": wire.OK, "-1.797693134862315708e308": wire.OK, "1.797693134862315709e308": wire.BadNumber, "-1.797693134862315709e308": wire.BadNumber,
		"1e400": wire.BadNumber, "-1e400": wire.BadNumber, "1e-400": wire.OK, long: wire.OK, long + "0": wire.BadNumber,
	} {
		if ms, code := in.point([]byte("1.5"), []byte(value)); code != want || code == wire.OK && ms != 1500 {
			t.Errorf("%s: %v at %d, want %v", value, code, ms, want)
		}
	}
	if _, code := in.point([]byte("1e30"), []byte("1")); code != wire.BadTime {
		t.Errorf("a time beyond all: %v", code)
	}
}

// Agents send bodies of 4 MB; no door that takes some refuses them for that.
func TestFormat_Limits(t *testing.T) {
	for _, route := range Format.Routes {
		if route.New != nil && route.Limit < 4<<20 {
			t.Errorf("%s takes %d bytes", route.Path, route.Limit)
		}
	}
}

// The costs of a body are those of its length.
func TestParse_NothingIsQuadratic(t *testing.T) {
	if testing.Short() {
		t.Skip("bodies of many MiB")
	}
	tags := list(300_000, func(i int) string { return fmt.Sprintf(`"t%d:v"`, i*7919%60000) })
	for name, body := range map[string]string{
		"metrics":     common("metrics", list(60_000, func(i int) string { return fmt.Sprintf(`["m%d",1,1,{"tags":["a:%d"]}]`, i, i) })),
		"tags":        common("metrics", `[["m",1,1,{"tags":`+tags+`}]]`),
		"many tags":   common("metrics", `[["m",1,1,{"tags":`+tags+`}],`+list(60_000, same(`["n",1,1,{"tags":["a:b"]}]`))[1:]),
		"one tag":     common("metrics", `[["m",1,1,{"tags":`+list(300_000, func(i int) string { return fmt.Sprintf(`"t:%d"`, i) })+`}]]`),
		"names":       common("events", `{`+strings.Repeat(`"e":[],`, 500_000)+`"e":[]}`),
		"repeated":    `{"internalHostname":"h"` + strings.Repeat(`,"metrics":[]`, 300_000) + `}`,
		"attributes":  common("events", `{"e":[{"timestamp":1`+strings.Repeat(`,"context":{}`, 300_000)+`}]}`),
		"bad metrics": common("metrics", list(200_000, same(`["host",1,1,{}]`))),
		"apiKeys":     `{"a":[` + strings.Repeat(`"apiKey",{"apiKey":"x"},`, 100_000) + `]}`,
	} {
		start := time.Now()
		new(intake).Parse(request(body), new(wire.Batch))
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("%s: %v for %d bytes", name, took, len(body))
		}
	}
}
