package cloudwisdom

import (
	"strconv"
	"strings"
	"testing"

	"penstock/wire"
)

// Every value in the place of every member: what is of the wrong type refuses the whole body, at that value's place.
func TestParse_Types(t *testing.T) {
	values := map[string]string{"null": `null`, "text": `"x"`, "number": `7`, "true": `true`, "list": `[]`, "object": `{}`}
	const scalar, number, list, any = "null text number true", "null number", "null list", "null text number true list object"
	const ofOne = "null" // a list that must be as long as the others
	element := func(members string) string { return `[{"id":"e",` + members + `}]` }
	sample := func(members string) string {
		return element(`"samples":[{"metricId":"m","timestamp":1,"val":1,` + members + `}]`)
	}
	event := func(members string) string { return `[{"data":{"elementId":"e"},` + members + `}]` }
	of := func(members string) string { // collectd
		return `[{"values":[1],"dsnames":["value"],"dstypes":["gauge"],"time":1,"host":"h","plugin":"p","type":"t",` + members + `}]`
	}
	for _, c := range []struct {
		door        func() wire.Parser
		body, takes string
	}{
		{newElements, `[{"id":"e"},@]`, ""},
		{newElements, element(`"name":@`), scalar},
		{newElements, element(`"type":@`), scalar},
		{newElements, element(`"location":@`), scalar},
		{newElements, element(`"other":@`), any},
		{newElements, element(`"metrics":@`), list},
		{newElements, element(`"metrics":[{"id":"m"},@]`), ""},
		{newElements, element(`"metrics":[{"id":"m","name":@}]`), scalar},
		{newElements, element(`"metrics":[{"id":"m","type":@}]`), scalar},
		{newElements, element(`"metrics":[{"id":"m","unit":@}]`), scalar},
		{newElements, element(`"metrics":[{"id":"m","sparseDataStrategy":@}]`), scalar},
		{newElements, element(`"metrics":[{"id":"m","tags":@}]`), list},
		{newElements, element(`"metrics":[{"id":"m","tags":[@]}]`), "object"},
		{newElements, element(`"tags":@`), list},
		{newElements, element(`"tags":[@]`), "object"},
		{newElements, element(`"tags":[{"name":@}]`), scalar},
		{newElements, element(`"tags":[{"value":@}]`), scalar},
		{newElements, element(`"attributes":@`), list},
		{newElements, element(`"attributes":[@]`), "object"},
		{newElements, element(`"relations":@`), list},
		{newElements, element(`"relations":[@]`), "object"},
		{newElements, element(`"relations":[{"fqn":@}]`), scalar},
		{newElements, element(`"samples":@`), list},
		{newElements, sample(`"other":@`), any},
		{newElements, sample(`"val":@`), number},
		{newElements, sample(`"min":@`), number},
		{newElements, sample(`"max":@`), number},
		{newElements, sample(`"avg":@`), number},
		{newElements, sample(`"sum":@`), number},
		{newElements, sample(`"cnt":@`), number},
		{newEvents, `[{"data":{"elementId":"e"}},@]`, "object"},
		{newEvents, event(`"type":@`), scalar},
		{newEvents, event(`"eventType":@`), scalar},
		{newEvents, event(`"title":@`), scalar},
		{newEvents, event(`"source":@`), scalar},
		{newEvents, event(`"timestamp":@`), number},
		{newEvents, event(`"tags":@`), list},
		{newEvents, event(`"tags":[@]`), "object"},
		{newEvents, event(`"data":@`), "null object"},
		{newEvents, event(`"other":@`), any},
		{newCollectd, `[@]`, ""},
		{newCollectd, of(`"values":@`), ofOne},
		{newCollectd, of(`"values":[@]`), number},
		{newCollectd, of(`"dsnames":@`), ofOne},
		{newCollectd, of(`"dsnames":[@]`), scalar},
		{newCollectd, of(`"dstypes":@`), ofOne},
		{newCollectd, of(`"dstypes":[@]`), scalar},
		{newCollectd, of(`"host":@`), scalar},
		{newCollectd, of(`"plugin":@`), scalar},
		{newCollectd, of(`"plugin_instance":@`), scalar},
		{newCollectd, of(`"type_instance":@`), scalar},
		{newCollectd, of(`"type":@`), scalar},
		{newCollectd, of(`"time":@`), number},
		{newCollectd, of(`"interval":@`), any},
	} {
		for kind, value := range values {
			var b wire.Batch
			fault := c.door().Parse(request(strings.Replace(c.body, "@", value, 1)), &b)
			at := strings.IndexByte(c.body, '@')
			switch takes := strings.Contains(c.takes, kind); {
			case fault == nil && !takes, fault != nil && takes && fault.Code != wire.MissingField: // null may be none
				t.Errorf("%s with a %s: %v", c.body, kind, fault)
			case !takes && fault.Offset != at && c.takes != ofOne:
				t.Errorf("%s with a %s: %v, where the value is at %d", c.body, kind, fault, at)
			}
		}
	}
}

// What lacks a member that must be there is refused where it begins.
func TestParse_Missing(t *testing.T) {
	for body, door := range map[string]func() wire.Parser{
		`[{"id":"a"}, @{"name":"x"}]`:                                                                   newElements,
		`[{"id":"a","metrics":[{"id":"m"}, @{"unit":"x"}]}]`:                                            newElements,
		`[{"id":"a","samples":[{"metricId":"m","timestamp":1,"val":1}, @{"timestamp":1,"val":1}]}]`:     newElements,
		`[{"id":"a","samples":[{"metricId":"m","timestamp":1,"val":1}, @{"metricId":"m","val":1}]}]`:    newElements,
		`[ @{"values":[1],"dsnames":["value"],"dstypes":["gauge"],"time":1,"plugin":"p","type":"t"}]`:   newCollectd,
		`[ @{"values":[1],"dsnames":["value"],"dstypes":["gauge"],"host":"h","plugin":"p","type":"t"}]`: newCollectd,
	} {
		fault := door().Parse(request(strings.Replace(body, "@", "", 1)), new(wire.Batch))
		if at := strings.IndexByte(body, '@'); codeOf(fault) != wire.MissingField || fault.Offset != at {
			t.Errorf("%s: %v, want %d", body, fault, at)
		}
	}
}

// A metric's tags are all there, and a source of collectd's without a name is its plugin's only one.
func TestParse_Names(t *testing.T) {
	var b wire.Batch
	const two = `[{"id":"e","metrics":[{"id":"m","tags":[{"name":"a","value":"1"},{"name":"b","value":"2"}]},{"id":"n"}]}]`
	if fault := newElements().Parse(request(two), &b); fault != nil || !strings.Contains(string(b.Records[0].Value), `[{"id":"m","tags":{"a":"1","b":"2"}},{"id":"n"}]`) {
		t.Errorf("%v, %s", fault, b.Records[0].Value)
	}
	for name, want := range map[string]string{`""`: "p.t", `null`: "p.t", `"value"`: "p.t", `"rx"`: "p.t.rx"} {
		b.Reset()
		body := `[{"values":[1],"dsnames":[` + name + `],"dstypes":["gauge"],"time":1,"host":"h","plugin":"p","type":"t"}]`
		if fault := newCollectd().Parse(request(body), &b); fault != nil || !strings.Contains(string(b.Records[0].Value), `"metric":"`+want+`"`) {
			t.Errorf("%s: %v, %s", name, fault, b.Records[0].Value)
		}
	}
}

// Samples go to their own metric, wherever they stand; and a metric's name counts once, however many samples it has.
func TestParse_SamplesOfTheirMetric(t *testing.T) {
	var b wire.Batch
	sample := func(id, value string) string {
		return `{"metricId":"` + id + `","timestamp":` + value + `,"val":` + value + `}`
	}
	body := `[{"id":"e","samples":[` + strings.Join([]string{sample("a", "1"), sample("b", "10"), sample("b", "11"), sample("a", "2"), sample("c", "20"), sample("b", "12")}, ",") + `]}]`
	if fault := newElements().Parse(request(body), &b); fault != nil || len(b.Records) != 4 {
		t.Fatalf("%v, %d records", fault, len(b.Records))
	}
	for i, want := range []string{`[[1,1],[2,2]]`, `[[10,10],[11,11],[12,12]]`, `[[20,20]]`} {
		if got := string(b.Records[1+i].Value); !strings.Contains(got, `"points":`+want) {
			t.Errorf("the points of %c are %s, want %s", 'a'+i, got, want)
		}
	}
	long := strings.Repeat("e", 1024)
	body = `[{"id":"` + long + `","samples":[` + strings.Repeat(sample("a", "1")+",", MaxNames/1024) + sample("a", "1") + `]}]`
	if fault := newElements().Parse(request(body), new(wire.Batch)); fault != nil {
		t.Errorf("many samples of a metric of a long name: %v", fault)
	}
}

// A check lives from a second to as long as 32 bits say.
func TestCheck_TTL(t *testing.T) {
	for ttl, want := range map[string]wire.Code{"0": wire.BadField, "1": wire.OK, "2147483647": wire.OK, "2147483648": wire.BadField, "-1": wire.BadField, "1.0": wire.BadField, "": wire.BadField} {
		if code := codeOf(check{}.Parse(checkRequest("c", "e", ttl), new(wire.Batch))); code != want {
			t.Errorf("%q: %v, want %v", ttl, code, want)
		}
	}
}

// A request may be as long as the limit; and when it is over nothing of it is held, be it taken or refused.
func TestParse_Forgets(t *testing.T) {
	e, v := new(elements), new(events)
	const tags = `"tags":[{"name":"a","value":"b"}]`
	for body, p := range map[string]wire.Parser{
		`[{"id":"a",` + tags + `,"attributes":[{"name":"c","value":"d"}],"relations":[{"fqn":"f"}],"metrics":[{"id":"m",` + tags + `}]}]`: e,
		`[{` + tags + `,"data":{"elementId":"a"}}]`: v,
	} {
		for more, want := range []wire.Code{wire.OK, wire.TooLarge} {
			req := request(body)
			req.Limit = len(body) - more
			if code := codeOf(p.Parse(req, new(wire.Batch))); code != want {
				t.Errorf("%s, limit %d: %v", body, req.Limit, code)
			}
		}
		p.Parse(request(body), new(wire.Batch))
	}
	for _, in := range []*input{&e.input, &v.input} {
		if in.Batch != nil || in.body != nil || in.topics != nil || in.from.Tenant != nil {
			t.Errorf("%+v is still held", in)
		}
	}
	held := 0
	for _, list := range [][]wire.Tag{e.attributes, e.tags, v.tags} {
		for _, tag := range list[:cap(list)] {
			held += len(tag.Name) + len(tag.Value)
		}
	}
	for _, fqn := range e.relations[:cap(e.relations)] {
		held += len(fqn)
	}
	for _, m := range e.metrics.all[:cap(e.metrics.all)] {
		held += len(m.id)
	}
	if held > 0 {
		t.Errorf("%d bytes of it are still held", held)
	}
	large := "[" + strings.Repeat(`{"name":"a"},`, keepRoom+1) + `{"name":"a"}]`
	var ids strings.Builder
	for i := range keepRoom + 1 {
		ids.WriteString(`,{"id":"` + strconv.Itoa(i) + `"}`)
	}
	e.Parse(request(`[{"id":"a","tags":`+large+`,"metrics":[`+ids.String()[1:]+`]}]`), new(wire.Batch))
	v.Parse(request(`[{"data":{"elementId":"a"},"tags":`+large+`}]`), new(wire.Batch))
	if n := max(cap(e.tags), cap(v.tags), cap(e.metrics.all)); n > keepRoom {
		t.Errorf("room for %d entries survives a rare giant", n)
	}
}
