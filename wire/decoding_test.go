package wire

import (
	"bytes"
	"encoding/json"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// The fields of each kind in their order, as they are documented.
var fieldOrder = map[string]string{
	"metric":  "kind metric tags type unit points host source sourcetype id element ttl wire tenant",
	"event":   "kind event time nanos title text body attributes tags host source sourcetype id wire tenant",
	"check":   "kind check status time ttl message tags host element wire tenant",
	"element": "kind element name type location attributes tags relations metrics wire tenant",
}

// field is one of a record's: the value is a string, an int64, a json.RawMessage, a []any or a map[string]any of these.
type field struct {
	name  string
	value any
}

// wanted gathers the fields that a record is to have; what is absent is left out.
type wanted []field

func (w *wanted) text(name string, text []byte) {
	if text != nil {
		*w = append(*w, field{name, string(text)})
	}
}

func (w *wanted) raw(name string, value []byte) {
	if value != nil {
		*w = append(*w, field{name, json.RawMessage(value)})
	}
}

func (w *wanted) number(name string, n int64) { *w = append(*w, field{name, n}) }

func (w *wanted) tags(tags []Tag) {
	if len(tags) > 0 {
		all := map[string]any{}
		for _, tag := range tags {
			all[string(tag.Name)] = string(tag.Value)
		}
		*w = append(*w, field{"tags", all})
	}
}

func (w *wanted) from(s Source) {
	*w = append(*w, field{"wire", s.Wire})
	w.text("tenant", s.Tenant)
}

// decodesTo requires a record's value to hold these fields and no others, in the documented order, each once.
func decodesTo(t *testing.T, value []byte, kind string, want wanted) {
	t.Helper()
	if !utf8.Valid(value) || !json.Valid(value) {
		t.Fatalf("no JSON: %q", value)
	}
	want = append(wanted{{"kind", kind}}, want...)
	order := strings.Fields(fieldOrder[kind])
	slices.SortStableFunc(want, func(a, b field) int { return slices.Index(order, a.name) - slices.Index(order, b.name) })
	decoder := json.NewDecoder(bytes.NewReader(value))
	decoder.Token()
	i := 0
	for ; decoder.More(); i++ {
		name, _ := decoder.Token()
		var raw json.RawMessage
		if err := decoder.Decode(&raw); err != nil {
			t.Fatal(err)
		}
		if i >= len(want) || name != want[i].name {
			t.Fatalf("field %d is %v, want %v in %s", i, name, want, value)
		}
		if got := decodeAs(t, raw, want[i].value); !reflect.DeepEqual(got, want[i].value) {
			t.Fatalf("%v is %#v, want %#v in %s", name, got, want[i].value, value)
		}
	}
	if i < len(want) {
		t.Fatalf("%s is missing in %s", want[i].name, value)
	}
}

// decodeAs reads raw as the type that the wanted value has.
func decodeAs(t *testing.T, raw json.RawMessage, like any) any {
	t.Helper()
	if _, ok := like.(json.RawMessage); ok {
		return raw
	}
	if list, ok := like.([]any); ok {
		var elements []json.RawMessage
		if json.Unmarshal(raw, &elements) != nil || len(elements) != len(list) {
			return string(raw)
		}
		got := make([]any, len(elements))
		for i := range elements {
			got[i] = decodeAs(t, elements[i], list[i])
		}
		return got
	}
	if all, ok := like.(map[string]any); ok {
		var members map[string]json.RawMessage
		if json.Unmarshal(raw, &members) != nil || len(members) != len(all) {
			return string(raw)
		}
		got := map[string]any{}
		for name := range all {
			if members[name] == nil {
				return string(raw)
			}
			got[name] = decodeAs(t, members[name], all[name])
		}
		return got
	}
	into := reflect.New(reflect.TypeOf(like))
	if err := json.Unmarshal(raw, into.Interface()); err != nil {
		return string(raw)
	}
	return into.Elem().Interface()
}

// chance makes the values of records.
type chance struct{ *rand.Rand }

// text is nil, empty, or a few characters of every sort.
func (r chance) text() []byte {
	switch r.IntN(6) {
	case 0, 1:
		return nil
	case 2:
		return []byte{}
	}
	return []byte(r.string())
}

func (r chance) string() string {
	runes := []rune("ab.-_:;= \"\\/'<>&{}[],\b\f\n\r\té世😀\x00\x01\x1f\x7f\u0080\u2028\u2029\ufffd\ufeff\U0010ffff")
	out := make([]rune, 1+r.IntN(12))
	for i := range out {
		out[i] = runes[r.IntN(len(runes))]
	}
	return string(out)
}

func (r chance) int64() int64 {
	edges := []int64{0, 1, -1, math.MaxInt64, math.MinInt64, 1<<53 + 1, -1<<53 - 1, 1474921202123}
	if r.IntN(2) == 0 {
		return edges[r.IntN(len(edges))]
	}
	return int64(r.Uint64() >> r.IntN(64))
}

// number is a JSON number of 64 bits, or a double in the shortest spelling that is it.
func (r chance) number() []byte {
	switch r.IntN(3) {
	case 0:
		return strconv.AppendInt(nil, r.int64(), 10)
	case 1:
		return strconv.AppendUint(nil, r.Uint64(), 10)
	}
	for {
		if f := math.Float64frombits(r.Uint64()); !math.IsNaN(f) && !math.IsInf(f, 0) {
			return strconv.AppendFloat(nil, f, 'g', -1, 64)
		}
	}
}

// json is nil or a value of any shape, as a sender may have spelled it.
func (r chance) json(orNil bool) []byte {
	if orNil && r.IntN(3) == 0 {
		return nil
	}
	if r.IntN(2) == 0 {
		return r.number()
	}
	var out strings.Builder
	randomJSON(r.Rand, &out, 3)
	return bytes.TrimSpace([]byte(out.String()))
}

// tags have names that differ.
func (r chance) tags(value func() []byte) (tags []Tag) {
	seen := map[string]bool{}
	for range r.IntN(5) {
		if name := r.string(); !seen[name] {
			seen[name] = true
			tags = append(tags, Tag{[]byte(name), value()})
		}
	}
	return tags
}

func (r chance) textTags() []Tag { return r.tags(func() []byte { return []byte(r.string()) }) }

func (r chance) source() Source { return Source{"somewire", r.text()} }
