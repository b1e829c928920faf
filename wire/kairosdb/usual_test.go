package kairosdb

import (
	"fmt"
	"strings"
	"testing"

	"penstock/wire"
)

// isKnown reports whether a parser takes body, which is one metric, by its series.
func isKnown(t *testing.T, p *parser, body string) bool {
	t.Helper()
	var b wire.Batch
	p.series.Reset()
	p.body, p.Batch = []byte(body), &b
	end := p.again(0)
	if end != 0 && end != len(body) {
		t.Errorf("%s: ends at %d", body, end)
	}
	p.series.Flush(&b, nil)
	if (end > 0) != (len(b.Records) > 0) {
		t.Errorf("%s: %d records, and ends at %d", body, len(b.Records), end)
	}
	return end > 0
}

// A metric of the usual shape is known the second time that it comes, however its members are laid out. Others are read again.
func TestAgain(t *testing.T) {
	const name, tags, point = `"name":"m"`, `"tags":{"a":"b"}`, `"timestamp":1474921202000,"value":12.5`
	long := strings.Repeat("1", 18)
	for body, want := range map[string]bool{
		point + "," + name + "," + tags: true,
		tags + "," + point + "," + name: true,
		` "timestamp" : 1 , "value" : 2 , "tags" : { "b" : "c", "a" : 5 } , "name" : "m" `: true,
		name + `,"tags":{"a":"{\"\u0041["},` + point:                                       true,
		`"name":"\u00e9é\\",` + tags + "," + point:                                         true,
		"\"name\":\"\xff\"," + tags + "," + point:                                          true,
		name + "," + tags + "," + point + `,"ttl":60`:                                      true,
		`"ttl":60,` + name + "," + tags + "," + point:                                      true,
		name + "," + tags + `,"datapoints":[[1,2],[ 2 , 2.5 ] , [3,-0.0]]`:                 true,
		name + "," + tags + `,"timestamp":1,"value":0`:                                     true,
		name + "," + tags + `,"timestamp":1,"value":-0.50`:                                 true,
		name + "," + tags + `,"timestamp":` + long + `,"value":` + long:                    true,

		name + "," + tags + `,"timestamp":1,"value":-0`:                                                        false,
		name + "," + tags + `,"timestamp":1,"value":1e3`:                                                       false,
		name + "," + tags + `,"timestamp":1,"value":"1"`:                                                       false,
		name + "," + tags + `,"timestamp":1,"value":1` + long:                                                  false,
		name + "," + tags + `,"timestamp":1,"value":0.` + strings.Repeat("1", maxNumber-1):                     false,
		name + "," + tags + `,"timestamp":1` + long + `,"value":1`:                                             false,
		name + "," + tags + `,"timestamp":0,"value":1`:                                                         false,
		name + "," + tags + `,"timestamp":-1,"value":1`:                                                        false,
		name + "," + tags + `,"timestamp":1.0,"value":1`:                                                       false,
		name + "," + tags + `,"timestamp":"1","value":1`:                                                       false,
		name + "," + tags + `,"time":1,"value":1`:                                                              false,
		name + "," + tags + `,"datapoints":[]`:                                                                 false,
		name + "," + tags + `,"datapoints":[[1,2],[1,2,"long"]]`:                                               false,
		name + "," + tags + `,"datapoints":[[1,2],[1]]`:                                                        false,
		name + "," + tags + `,"datapoints":[[1,2]],` + point:                                                   false,
		name + "," + tags + `,"type":"long",` + point:                                                          false,
		name + "," + tags + `,"skip_validate":false,` + point:                                                  false,
		name + "," + tags + `,"else":1,` + point:                                                               false,
		name + "," + tags + `,"value":1,"timestamp":2`:                                                         false,
		name + "," + tags + `,"ttl":"60",` + point:                                                             false,
		name + "," + tags + "," + tags + "," + point:                                                           false,
		name + `,"tags":{"a":"}"},` + point:                                                                    false,
		name + `,"tags":{"a":"},","timestamp":"}","name":"},\"name\":5},","value":"},` + point + `"},` + point: false,
		`"name":"m\"",` + tags + "," + point:                                                                   false,
		`"n\u0061me":"m",` + tags + "," + point:                                                                false,
		`"name":"",` + tags + "," + point:                                                                      false,
		name + "," + tags:                                                                                      false,
	} {
		var p parser
		body = "{" + body + "}"
		p.Parse(post(body), new(wire.Batch))
		if got := isKnown(t, &p, body); got != want {
			t.Errorf("%s is known: %v", body, got)
		}
	}
}

// What is remembered is one tenant's, and one type's; and there is an end to it.
func TestAgain_OthersAreStrangers(t *testing.T) {
	metric := func(name, value string) string { return metricWith(name, `"timestamp":1,"value":`+value) }
	var p parser
	parse := func(tenant, body string) {
		req := post(body)
		req.Tenant = []byte(tenant)
		p.Parse(req, new(wire.Batch))
	}
	parse("t", metric("m", "1"))
	if !isKnown(t, &p, metric("m", "23")) || isKnown(t, &p, metric("m", "2.5")) || isKnown(t, &p, metric("n", "1")) {
		t.Error("a series is not known by its name, tags and type")
	}
	if parse("u", metric("n", "1")); isKnown(t, &p, metric("m", "1")) {
		t.Error("another tenant's series is known")
	}
	var many []string
	for i := range 17_000 {
		many = append(many, metric(fmt.Sprint(i), "1"))
	}
	if parse("u", "["+strings.Join(many, ",")+"]"); !isKnown(t, &p, many[0]) || isKnown(t, &p, many[len(many)-1]) {
		t.Error("there is no end to what is remembered")
	}
}

// Room for the points of a huge metric is not kept.
func TestAgain_KeepsLittle(t *testing.T) {
	var p parser
	p.Parse(post(body(1, 2*keepWritten)), new(wire.Batch))
	if p.Parse(post(body(1, 1)), new(wire.Batch)); cap(p.usual.points) > keepWritten {
		t.Errorf("room for %d points is kept", cap(p.usual.points))
	}
}

// A metric that is too long to be remembered is laid all the same, whole, and its points share a record.
func TestAgain_Long(t *testing.T) {
	long := strings.Repeat("x", 100_000)
	one := `{"name":"m","tags":{"a":"` + long + `"},"timestamp":1,"value":2}`
	var b wire.Batch
	var p parser
	for range 2 {
		b.Reset()
		p.Parse(post("["+one+","+one+"]"), &b)
		want := `{"kind":"metric","metric":"m","tags":{"a":"` + long + `"},"type":"long","points":[[1,2],[1,2]],"wire":"kairosdb"}`
		if len(b.Records) != 1 || string(b.Records[0].Value) != want || string(b.Records[0].Key) != "m;a="+long {
			t.Errorf("%d records, or not the right one", len(b.Records))
		}
	}
}
