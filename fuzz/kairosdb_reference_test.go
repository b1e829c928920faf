package fuzz

import (
	"bytes"
	"encoding/json"
	"math"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// The KairosDB wire in the plainest form: slow, with encoding/json, regular expressions and numbers of any size.

// kairosTaken is what the reference makes of a body.
type kairosTaken struct {
	points  []string
	refused int
	whole   bool // refused whole
}

func kairosReference(payload []byte) (t kairosTaken) {
	text := bytes.TrimLeft(bytes.TrimPrefix(payload, []byte("\ufeff")), " \t\r\n")
	if len(text) == 0 || text[0] != '[' && text[0] != '{' {
		return kairosTaken{whole: true}
	}
	d := json.NewDecoder(bytes.NewReader(text))
	if text[0] == '{' {
		var one json.RawMessage
		if d.Decode(&one) != nil {
			return kairosTaken{refused: 1}
		}
		t.metric(one)
	} else {
		d.Token()
		for d.More() {
			var one json.RawMessage
			if d.Decode(&one) != nil {
				t.refused++
				return t
			}
			t.metric(one)
		}
		if _, err := d.Token(); err != nil {
			t.refused++
			return t
		}
	}
	if len(bytes.Trim(text[d.InputOffset():], " \t\r\n")) > 0 {
		t.refused++
	}
	return t
}

// kairosMembers reads an object, its members in order; ok is false when it is none.
func kairosMembers(object json.RawMessage) (names []string, values []json.RawMessage, ok bool) {
	d := json.NewDecoder(bytes.NewReader(object))
	if begin, _ := d.Token(); begin != json.Delim('{') {
		return nil, nil, false
	}
	for d.More() {
		name, _ := d.Token()
		var value json.RawMessage
		if d.Decode(&value) != nil {
			panic("BUG: the reference reads JSON that is none")
		}
		names, values = append(names, name.(string)), append(values, value)
	}
	return names, values, true
}

// kairosText is a scalar's text; null is no text.
func kairosText(value json.RawMessage) (text *string, ok bool) {
	switch value[0] {
	case '{', '[':
		return nil, false
	case 'n':
		return nil, true
	case '"':
		var s string
		json.Unmarshal(value, &s)
		return &s, true
	}
	s := string(value)
	return &s, true
}

// metric takes one element, or refuses it or some of its points.
func (t *kairosTaken) metric(element json.RawMessage) {
	names, values, ok := kairosMembers(element)
	if !ok {
		t.refused++
		return
	}
	var name, kind *string
	var times [2]*int64 // time, timestamp
	var value json.RawMessage
	var points []json.RawMessage
	var ttl int64
	var tags map[string]*string
	skip := false
	for i, of := range names {
		v, ok := values[i], true
		switch of {
		case "name":
			name, ok = kairosText(v)
		case "type":
			kind, ok = kairosText(v)
		case "time":
			times[0], ok = kairosWhole(v, math.MinInt64, math.MaxInt64)
		case "timestamp":
			times[1], ok = kairosWhole(v, math.MinInt64, math.MaxInt64)
		case "ttl":
			var n *int64
			if n, ok = kairosWhole(v, math.MinInt32, math.MaxInt32); n != nil {
				ttl = *n
			}
		case "skip_validate":
			var said *string
			said, ok = kairosText(v)
			if ok && said != nil {
				skip = v[0] == '"' && strings.EqualFold(*said, "true") || v[0] == 't'
				ok = v[0] == '"' || v[0] == 't' || v[0] == 'f'
			}
		case "tags":
			tags, ok = kairosTags(v)
		case "value":
			value = v
		case "datapoints":
			points = nil
			ok = v[0] == 'n' || json.Unmarshal(v, &points) == nil
		}
		if !ok {
			t.refused++
			return
		}
	}
	at := times[0]
	if at == nil {
		at = times[1]
	}
	bad := !skip && (name == nil || *name == "" || len(tags) == 0 || at == nil && value != nil && value[0] != 'n' ||
		at != nil && (value == nil || lacksValue(value, kind)))
	plain := map[string]string{}
	for tag, v := range tags {
		if v == nil || !skip && (tag == "" || *v == "") {
			bad = true
		} else {
			plain[tag] = *v
		}
	}
	if bad {
		t.refused++
		return
	}
	if name == nil {
		name = new(string)
	}
	take := func(at *int64, value json.RawMessage, kind *string) {
		typed, said, ok := kairosValue(value, kind)
		if !ok {
			t.refused++
			return
		}
		t.points = append(t.points, kairosPoint(*name, plain, typed, ttl, strconv.FormatInt(*at, 10), said))
	}
	if at != nil && value != nil {
		take(at, value, kind)
	}
	for _, point := range points {
		var parts []json.RawMessage
		if json.Unmarshal(point, &parts) != nil || len(parts) < 2 {
			t.refused++
			continue
		}
		of := kind
		if len(parts) > 2 && parts[2][0] != 'n' {
			if of, _ = kairosText(parts[2]); of == nil {
				none := ""
				of = &none
			}
		}
		at := kairosTime(parts[0])
		if at == nil || lacksValue(parts[1], of) {
			t.refused++
			continue
		}
		take(at, parts[1], of)
	}
}

func kairosTags(value json.RawMessage) (tags map[string]*string, ok bool) {
	names, values, ok := kairosMembers(value)
	if !ok {
		var none []any
		return nil, json.Unmarshal(value, &none) == nil && len(none) == 0
	}
	tags = map[string]*string{}
	for i, name := range names {
		if _, twice := tags[name]; twice {
			return nil, false
		}
		if tags[name], ok = kairosText(values[i]); !ok {
			return nil, false
		}
	}
	return tags, true
}

// lacksValue is the validator's test of a value.
func lacksValue(value json.RawMessage, kind *string) bool {
	if kind != nil && *kind == "string" {
		return value[0] == 'n'
	}
	var list []any
	return value[0] == 'n' || string(value) == `""` || json.Unmarshal(value, &list) == nil && len(list) == 0
}

var (
	javaDouble  = regexp.MustCompile(`^[\x00- ]*([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)[fFdD]?[\x00- ]*$`)
	javaLong    = regexp.MustCompile(`^[+-]?[0-9]+$`)
	kairosIsNum = regexp.MustCompile(`^[+.-]?(?:[0-9]+\.?[0-9]+|\.?[0-9]+)$`)
)

// kairosExact is a JSON number, or one of Java's, as it is; ok is false when a double cannot hold it or it is too long.
func kairosExact(text string) (n *big.Rat, ok bool) {
	f, err := strconv.ParseFloat(text, 64)
	if len(text) > 64 || err != nil || math.IsInf(f, 0) {
		return nil, false
	}
	if _, exponent, _ := strings.Cut(strings.ToLower(text), "e"); len(exponent) > 5 {
		return new(big.Rat), true // a zero, or next to it
	}
	return new(big.Rat).SetString(text)
}

// cutOf cuts off the fraction.
func cutOf(n *big.Rat) *big.Int { return new(big.Int).Quo(n.Num(), n.Denom()) }

// javaNumber is what a string says that Java takes for a double; "" is none.
func javaNumber(s string) string {
	trimmed := strings.TrimFunc(s, func(r rune) bool { return r <= ' ' })
	if m := javaDouble.FindStringSubmatch(s); m != nil && len(trimmed) <= 64 {
		return m[1]
	}
	return ""
}

// kairosWhole reads a member that must be whole; nil is null.
func kairosWhole(value json.RawMessage, least, most int64) (n *int64, ok bool) {
	text, ok := kairosText(value)
	if !ok || text == nil {
		return nil, ok
	}
	if value[0] == 't' || value[0] == 'f' {
		return nil, false
	}
	r, ok := kairosExact(javaNumber(*text))
	if !ok || !r.IsInt() || !r.Num().IsInt64() || r.Num().Int64() < least || r.Num().Int64() > most {
		return nil, false
	}
	if _, exponent, _ := strings.Cut(strings.ToLower(*text), "e"); len(exponent) > 5 && strings.ContainsAny(*text, "123456789") &&
		strings.Trim(strings.SplitN(strings.ToLower(*text), "e", 2)[0], "0.+- ") != "" {
		return nil, false // next to zero is not whole
	}
	whole := r.Num().Int64()
	return &whole, true
}

// kairosTime reads an array's time; nil is none.
func kairosTime(value json.RawMessage) *int64 {
	text, _ := kairosText(value)
	if text == nil || value[0] == 't' || value[0] == 'f' || value[0] == '"' && !javaLong.MatchString(*text) {
		return nil
	}
	var n *big.Int
	if value[0] == '"' {
		n, _ = new(big.Int).SetString(*text, 10)
	} else if r, ok := kairosExact(*text); ok {
		n = cutOf(r)
	}
	if n == nil || !n.IsInt64() {
		return nil
	}
	whole := n.Int64()
	return &whole
}

// kairosValue is a value's type and what it says, as kairosPlain tells it.
func kairosValue(value json.RawMessage, kind *string) (typed, said string, ok bool) {
	text, _ := kairosText(value)
	if text == nil {
		return "", "", false
	}
	isString, isBool := value[0] == '"', value[0] == 't' || value[0] == 'f'
	switch {
	case kind != nil:
		typed = *kind
	case isBool || isString && !kairosIsNum.MatchString(*text):
		typed = "string"
	case strings.Contains(*text, "."):
		typed = "double"
	default:
		typed = "long"
	}
	switch {
	case typed == "string":
		return typed, *text, true
	case isBool || !slices.Contains([]string{"long", "double"}, typed):
		return "", "", false
	case typed == "long" && isString:
		n, ok := new(big.Int).SetString(*text, 10)
		if !javaLong.MatchString(*text) || !ok || !n.IsInt64() {
			return "", "", false
		}
		return typed, n.String(), true
	case typed == "long":
		n, ok := kairosExact(*text)
		if ok && cutOf(n).IsInt64() {
			return typed, cutOf(n).String(), true
		}
		return typed, *text, ok
	case isString:
		*text = javaNumber(*text)
	}
	_, ok = kairosExact(*text)
	return typed, floatText(*text), ok
}

// kairosPlain tells a record's value: a double is any spelling of it, a long just as it is.
func kairosPlain(kind string, value json.RawMessage) string {
	text, _ := kairosText(value)
	switch {
	case text == nil || (value[0] == '"') != (kind == "string"):
		return "none of its type: " + string(value)
	case kind == "double":
		return floatText(*text)
	}
	return *text
}

func floatText(text string) string {
	f, _ := strconv.ParseFloat(text, 64)
	return strconv.FormatFloat(f, 'g', -1, 64)
}
