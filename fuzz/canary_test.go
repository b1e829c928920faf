package fuzz

import (
	"encoding/base64"
	"strconv"
	"testing"

	"github.com/valyala/fastjson"

	"penstock/wire"
	"penstock/wire/interana"
)

// parse makes a wire.Parser of a function.
type parse func(req *wire.Request, b *wire.Batch) *wire.Fault

func (p parse) Parse(req *wire.Request, b *wire.Batch) *wire.Fault { return p(req, b) }

func addValue(b *wire.Batch, value []byte) {
	r := b.Add()
	r.Topic, r.Value = []byte("t"), value
}

// canaries are formats that each break one promise. The checker must report every one, or it is the checker that is broken.
var canaries = map[string]func() parse{
	"panics": func() parse {
		return func(*wire.Request, *wire.Batch) *wire.Fault { panic("boom") }
	},
	"reports a byte past the end": func() parse {
		return func(req *wire.Request, b *wire.Batch) *wire.Fault { return b.Fail(wire.BadJSON, len(req.Body)+1) }
	},
	"reports a negative byte": func() parse {
		return func(_ *wire.Request, b *wire.Batch) *wire.Fault { return b.Fail(wire.BadJSON, -2) }
	},
	"refuses without a reason": func() parse {
		return func(_ *wire.Request, b *wire.Batch) *wire.Fault { return b.Fail(wire.OK, 0) }
	},
	"copies the value": func() parse {
		return func(req *wire.Request, b *wire.Batch) *wire.Fault {
			body, _ := req.Decode.Decode(nil, req.Body, req.Limit)
			addValue(b, append([]byte(nil), body...))
			return nil
		}
	},
	"reads past the payload": func() parse {
		return func(req *wire.Request, b *wire.Batch) *wire.Fault {
			body, _ := req.Decode.Decode(nil, append(req.Body, '!')[:len(req.Body)], req.Limit)
			addValue(b, body[:len(body)+1])
			return nil
		}
	},
	"gives a byte to two records": func() parse {
		return func(req *wire.Request, b *wire.Batch) *wire.Fault {
			body, _ := req.Decode.Decode(nil, req.Body, req.Limit)
			addValue(b, body)
			addValue(b, body[1:])
			return nil
		}
	},
	"invents a topic": func() parse {
		return func(req *wire.Request, b *wire.Batch) *wire.Fault {
			b.Add().Topic = []byte("../etc")
			return nil
		}
	},
	"leaves records of a refused request": func() parse {
		return func(req *wire.Request, b *wire.Batch) *wire.Fault {
			body, _ := req.Decode.Decode(nil, req.Body, req.Limit)
			addValue(b, body)
			return b.Fail(wire.BadJSON, 0)
		}
	},
	"remembers the last request": func() parse {
		seen := 0
		return func(_ *wire.Request, b *wire.Batch) *wire.Fault {
			seen++
			return b.Fail(wire.BadJSON, seen)
		}
	},
	"writes into the body": func() parse {
		return func(req *wire.Request, b *wire.Batch) *wire.Fault {
			req.Body[0] ^= 1
			return b.Fail(wire.BadJSON, 0)
		}
	},
}

func TestCanary_Parsers(t *testing.T) {
	a := interanaPOST([]byte(`{"a":1}`), "", nil)
	if err := check(interana.Format, a); err != nil {
		t.Fatalf("the checker refuses what is right: %v", err)
	}
	for name, canary := range canaries {
		format := interana.Format
		format.Routes = []wire.Route{format.Routes[0]}
		format.Routes[0].New = func() wire.Parser { return canary() }
		if check(format, a) == nil {
			t.Errorf("a parser that %s passes", name)
		}
	}
}

func TestCanary_Replies(t *testing.T) {
	right := interana.Format.Routes[0].Reply
	wrong := map[string]func(dst []byte, o *wire.Outcome) wire.Reply{
		"forgets dst":           func(_ []byte, o *wire.Outcome) wire.Reply { return right(nil, o) },
		"accepts what is wrong": func(dst []byte, _ *wire.Outcome) wire.Reply { return wire.Reply{Body: dst, Status: 202} },
		"breaks its JSON": func(dst []byte, _ *wire.Outcome) wire.Reply {
			return wire.Reply{Body: append(dst, `{"error":`...), Status: 400, Type: "application/json"}
		},
	}
	for name, reply := range wrong {
		format := interana.Format
		format.Routes = []wire.Route{format.Routes[0]}
		format.Routes[0].Reply = reply
		if check(format, interanaPOST([]byte(`{"a":`), "", nil)) == nil {
			t.Errorf("a reply that %s passes", name)
		}
	}
}

// Bodies that the format mistakes, if its parser is the one that keeps everything whole.
func TestCanary_InteranaBodies(t *testing.T) {
	format := interana.Format
	format.Routes = []wire.Route{format.Routes[0]}
	format.Routes[0].New = func() wire.Parser {
		return parse(func(req *wire.Request, b *wire.Batch) *wire.Fault {
			body, _ := req.Decode.Decode(nil, req.Body, req.Limit)
			addValue(b, body)
			return nil
		})
	}
	for _, body := range []string{`{"a":1}{"b":2}`, `[1,2]`, `[]`, `{"a":`, ` {}`} {
		if checkInteranaBody(format, interanaPOST([]byte(body), "", nil)) == nil {
			t.Errorf("keeping %s whole passes", body)
		}
	}
}

func TestCanary_Scanners(t *testing.T) {
	wrong := map[string]struct {
		scan func(src []byte, at int) (int, wire.Code)
		on   string
	}{
		"accepts what fastjson does": {func(src []byte, _ int) (int, wire.Code) {
			if _, err := new(fastjson.Parser).ParseBytes(src); err != nil {
				return 0, wire.BadJSON
			}
			return len(src), wire.OK
		}, `[01]`},
		"refuses everything": {func([]byte, int) (int, wire.Code) { return 0, wire.BadJSON }, `{}`},
		"ends too soon":      {func([]byte, int) (int, wire.Code) { return 1, wire.OK }, `12`},
		"stops past the end": {func(src []byte, _ int) (int, wire.Code) { return len(src) + 1, wire.BadJSON }, `{`},
		"stops too late":     {func(src []byte, _ int) (int, wire.Code) { return max(len(src)-1, 0), wire.BadJSON }, `}}}}`},
		"stops too soon":     {func([]byte, int) (int, wire.Code) { return 0, wire.BadJSON }, `{"a":}`},
		"finds all too deep": {func([]byte, int) (int, wire.Code) { return 0, wire.TooDeep }, `[[1]]`},
	}
	for name, canary := range wrong {
		if checkScan(canary.scan, []byte(canary.on)) == nil {
			t.Errorf("a scanner that %s passes on %s", name, canary.on)
		}
	}
}

func TestCanary_Readers(t *testing.T) {
	strict := func(dst, text []byte) (int, wire.Code, int) {
		out, err := base64.StdEncoding.DecodeString(string(text))
		if err != nil {
			return 0, wire.BadBase64, 0
		}
		return copy(dst, out), wire.OK, len(text)
	}
	for _, text := range []string{"YQ", "YW J", "Y\tQ==", "__--"} {
		if checkBase64(strict, []byte(text), 100) == nil {
			t.Errorf("a reader that is too strict passes on %q", text)
		}
	}
	if checkBase64(func(dst, _ []byte) (int, wire.Code, int) { return len(dst) + 1, wire.OK, 0 }, []byte("YQ=="), 1) == nil {
		t.Error("a reader that writes too much passes")
	}
	float := func(text []byte, shift int) (int64, bool) {
		n, err := strconv.ParseFloat(string(text), 64)
		for ; shift > 0; shift-- {
			n *= 10
		}
		return int64(n), err == nil
	}
	if checkScaled(float, "9007199254740993", 0) == nil || checkScaled(float, "Infinity", 0) == nil {
		t.Error("a number reader that goes by way of floats passes")
	}
}
