package fuzz

import (
	"testing"

	"penstock/wire"
	"penstock/wire/splunk"
	"penstock/wire/wiretest"
)

// Parsers that are wrong on purpose: each comparison must tell.
func TestCanary_Splunk(t *testing.T) {
	lay := func(values ...string) parse {
		return func(req *wire.Request, b *wire.Batch) *wire.Fault {
			req.Decode.Decode(nil, req.Body, req.Limit)
			for _, value := range values {
				addValue(b, []byte(value))
				b.Records[len(b.Records)-1].Time = req.Now
			}
			return nil
		}
	}
	refuse := func(code wire.Code, detail string) parse {
		return func(req *wire.Request, b *wire.Batch) *wire.Fault {
			req.Decode.Decode(nil, req.Body, req.Limit)
			return b.Fail(code, 0).Because([]byte(detail))
		}
	}
	const contentType = "multipart/form-data; boundary=b"
	file := "--b\r\nContent-Disposition: form-data; name=upfile; filename=a\r\n\r\nx\r\n--b--"
	cases := map[string]struct {
		door, body string
		parser     parse
	}{
		"takes an unknown field":       {"events", `[{"body":1,"x":1}]`, lay(`{"body":1,"time":1500000000000}`)},
		"refuses an event":             {"events", `[{"body":1}]`, refuse(wire.UnknownField, `json: unknown field "body"`)},
		"refuses JSON":                 {"events", `[{"body":1}]`, refuse(wire.BadJSON, "")},
		"takes an event without body":  {"events", `[{"host":"h"}]`, lay(`{"host":"h","time":1500000000000}`)},
		"says something else":          {"events", `[{"body":1,"x":1}]`, refuse(wire.UnknownField, `json: unknown field "y"`)},
		"changes a body":               {"events", `[{"body":1.0}]`, lay(`{"body":1,"time":1500000000000}`)},
		"forgets the time":             {"events", `[{"body":1,"timestamp":5}]`, lay(`{"body":1,"time":1500000000000}`)},
		"loses an event":               {"events", `[{"body":1},{"body":2}]`, lay(`{"body":1,"time":1500000000000}`)},
		"takes a metric without name":  {"metrics", `[{"body":[{"value":1}]}]`, lay(`{}`)},
		"prefers inherited dimensions": {"metrics", `[{"body":[{"name":"a","dimensions":{"d":"1"}}],"attributes":{"defaultDimensions":{"d":"2"}}}]`, lay(`{"metric":"a","tags":{"d":"2"},"type":"g","unit":"none","points":[[1500000000000,0]]}`)},
		"loses a point":                {"metrics", `[{"body":[{"name":"a"},{"name":"a"}]}]`, lay(`{"metric":"a","type":"g","unit":"none","points":[[1500000000000,0]]}`)},
		"keeps the line end of a file": {"files", file, lay(`{"body":"x\r\n"}`)},
		"refuses a file":               {"files", file, refuse(wire.BadMultipart, "")},
		"makes two files of one":       {"files", file, lay(`{"body":"x"}`, `{"body":"x"}`)},
	}
	for name, c := range cases {
		format := wire.Format{Name: "splunk", Routes: withParser(splunk.Format.Routes, func() wire.Parser { return c.parser })}
		a := splunkPOST(c.door, "acme", []byte(c.body), wiretest.Values{{"Content-Type", contentType}})
		compare := map[string]func(f wire.Format, a *attack) error{"events": checkSplunkEvents, "metrics": checkSplunkMetrics,
			"files": func(f wire.Format, a *attack) error { return checkSplunkFiles(f, a, contentType) }}[c.door]
		if compare(format, a) == nil {
			t.Errorf("a parser that %s passes", name)
		}
		if err := compare(splunk.Format, a); err != nil {
			t.Errorf("%s: the comparison refuses what is right: %v", name, err)
		}
	}
}

func withParser(routes []wire.Route, parser func() wire.Parser) (changed []wire.Route) {
	for _, r := range routes {
		r.New = parser
		changed = append(changed, r)
	}
	return changed
}
