package fuzz

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"penstock/wire"
	"penstock/wire/cloudwisdom"
	"penstock/wire/wiretest"
)

const (
	cloudwisdomElements = "/ingest/k"
	cloudwisdomCollectd = "/ingest/collectd/k"
	cloudwisdomEvents   = "/ingest/events/infrastructure/k"
	cloudwisdomWebhook  = "/ingest/webhook/k"
)

func FuzzCloudWisdom_Elements(f *testing.F) {
	fuzzCloudWisdom(f, cloudwisdomElements, checkCloudWisdomElements)
}

func FuzzCloudWisdom_Events(f *testing.F) {
	fuzzCloudWisdom(f, cloudwisdomEvents, checkCloudWisdomItems)
}

func FuzzCloudWisdom_Collectd(f *testing.F) {
	fuzzCloudWisdom(f, cloudwisdomCollectd, checkCloudWisdomItems)
}

func FuzzCloudWisdom_Webhook(f *testing.F) { fuzzCloudWisdom(f, cloudwisdomWebhook, nil) }

func FuzzCloudWisdom_Check(f *testing.F) {
	for _, words := range [][3]string{{"heart%20beat", "h.example", "90"}, {"%", "%zz%ff", "0"}, {"a", "b", "1e3"}, {"a", "b", "-1"}} {
		f.Add(words[0], words[1], words[2])
	}
	f.Fuzz(func(t *testing.T, name, element, ttl string) {
		if name == "" || element == "" || ttl == "" || strings.Contains(name+element+ttl, "/") {
			t.Skip()
		}
		a := &attack{method: "POST", path: "/check/k/" + name + "/" + element + "/" + ttl}
		if err := check(cloudwisdom.Format, a); err != nil {
			t.Fatal(err)
		}
	})
}

// fuzzCloudWisdom sends bodies to one door, and holds an uncompressed one to a property of its own beside those of all.
func fuzzCloudWisdom(f *testing.F, path string, property func(f wire.Format, a *attack) error) {
	for _, c := range goldens(f, "cloudwisdom") {
		if c.Method == "POST" && len(c.Body) <= attackLimit {
			f.Add(c.Body, string(c.Header.Peek("X-Netuitive-Api-Options")), string(c.Header.Peek("Content-Encoding")))
		}
	}
	f.Fuzz(func(t *testing.T, body []byte, options, encoding string) {
		a := cloudwisdomPOST(path, body, options, encoding)
		if err := check(cloudwisdom.Format, a); err != nil {
			t.Fatal(err)
		}
		if property == nil || encoding != "" {
			return
		}
		if err := property(cloudwisdom.Format, a); err != nil {
			t.Fatal(err)
		}
	})
}

func cloudwisdomPOST(path string, body []byte, options, encoding string) *attack {
	return &attack{method: "POST", path: path, body: body, tenant: []byte("acme"),
		header: wiretest.Values{{"X-Netuitive-Api-Options", options}, {"Content-Encoding", encoding}}}
}

// parseCloudWisdom takes the request through the format.
func parseCloudWisdom(f wire.Format, a *attack) (*wire.Batch, *wire.Fault) {
	req, _ := a.request()
	b := new(wire.Batch)
	return b, wiretest.Route(f, a.method, a.path).New().Parse(req, b)
}

// checkCloudWisdomItems requires that what is accepted counts as encoding/json counts it, that an event is stored or noted, and that
// a refusal leaves nothing.
func checkCloudWisdomItems(f wire.Format, a *attack) error {
	b, fault := parseCloudWisdom(f, a)
	if fault != nil {
		if len(b.Records) > 0 {
			return fmt.Errorf("refused (%v) and yet %d records are left", fault, len(b.Records))
		}
		return nil
	}
	var list []json.RawMessage
	if err := json.Unmarshal(bytes.TrimPrefix(a.body, []byte("\ufeff")), &list); err != nil {
		return fmt.Errorf("accepted, but encoding/json says %w", err)
	}
	if b.Items != len(list) {
		return fmt.Errorf("%d counted, encoding/json sees %d", b.Items, len(list))
	}
	if a.path != cloudwisdomEvents {
		return nil
	}
	kept, all := b.Rejected()
	dropped := 0
	for i := range kept {
		if kept[i].Code == wire.Dropped {
			dropped++
		}
	}
	if all <= wire.MaxRejects && len(b.Records)+dropped != len(list) {
		return fmt.Errorf("%d stored and %d dropped of %d", len(b.Records), dropped, len(list))
	}
	return nil
}

// checkCloudWisdomElements compares what the format makes of a body with the slow reading below: the same elements and points, or a
// refusal of both.
func checkCloudWisdomElements(f wire.Format, a *attack) error {
	b, fault := parseCloudWisdom(f, a)
	if fault != nil && (fault.Code == wire.TooLarge || fault.Code == wire.TooMany || fault.Code == wire.TooDeep) {
		return nil // not the slow reading's questions
	}
	if strings.Contains(strings.ToLower(string(a.body)), `\ud`) {
		return nil // lone surrogates: encoding/json replaces them, the format does not
	}
	inject := slices.ContainsFunc(strings.Split(string(a.header.Peek("X-Netuitive-Api-Options")), ","), func(option string) bool {
		ascii := func(r rune) rune {
			if 'a' <= r && r <= 'z' {
				r -= 'a' - 'A'
			}
			return r
		}
		return strings.Map(ascii, strings.TrimSpace(option)) == "INJECT_TIMESTAMP"
	})
	slow := slowElements{inject: inject}
	err := slow.read(bytes.TrimPrefix(a.body, []byte("\ufeff")))
	switch {
	case errors.Is(err, errTwice):
		return nil // the format reads the earlier ones of a name, too
	case (err == nil) != (fault == nil):
		return fmt.Errorf("fault %v, the slow reading says %v", fault, err)
	case err != nil:
		return nil
	}
	got, err := linesOf(b.Records)
	if err != nil {
		return err
	}
	slices.Sort(got)
	slices.Sort(slow.lines)
	if !slices.Equal(got, slow.lines) && !inject {
		return fmt.Errorf("got\n%s\nthe slow reading has\n%s", strings.Join(got, "\n"), strings.Join(slow.lines, "\n"))
	}
	if len(got) != len(slow.lines) {
		return fmt.Errorf("%d elements and points, the slow reading has %d", len(got), len(slow.lines))
	}
	return nil
}

// linesOf tells records in the slow reading's terms.
func linesOf(records []wire.Record) (lines []string, err error) {
	for i := range records {
		var v struct {
			Kind, Element, Metric string
			Points                [][]json.RawMessage
		}
		if err := json.Unmarshal(records[i].Value, &v); err != nil {
			return nil, err
		}
		if v.Kind == "element" {
			lines = append(lines, "element "+v.Element)
		}
		for _, p := range v.Points {
			lines = append(lines, fmt.Sprintf("point %s %s %s %s", v.Element, v.Metric, p[0], p[1]))
		}
	}
	return lines, nil
}

var (
	errTwice = errors.New("a name stands twice")
	errSlow  = errors.New("refused")
)

// slowElements is the format's reading of elements in the plainest form: a tree, made by encoding/json.
type slowElements struct {
	inject bool
	lines  []string
}

type object map[string]any

func (s *slowElements) read(body []byte) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	tree, err := treeOf(d)
	if err == nil {
		if _, end := d.Token(); end != io.EOF {
			err = errSlow
		}
	}
	if err != nil {
		return err
	}
	list, ok := tree.([]any)
	if !ok {
		return errSlow
	}
	for _, v := range list {
		if !s.element(v) {
			return errSlow
		}
	}
	return nil
}

// treeOf reads a value, objects with a name twice being an error; what is malformed is one before.
func treeOf(d *json.Decoder) (any, error) {
	var raw json.RawMessage
	if err := d.Decode(&raw); err != nil {
		return nil, err
	}
	in := json.NewDecoder(bytes.NewReader(raw))
	in.UseNumber()
	return branchOf(in)
}

func branchOf(d *json.Decoder) (any, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('['):
		list := []any{}
		for d.More() {
			v, err := branchOf(d)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err = d.Token()
		return list, err
	case json.Delim('{'):
		o := object{}
		for d.More() {
			name, _ := d.Token()
			if _, twice := o[name.(string)]; twice {
				return nil, errTwice
			}
			v, err := branchOf(d)
			if err != nil {
				return nil, err
			}
			o[name.(string)] = v
		}
		_, err = d.Token()
		return o, err
	}
	return token, nil
}

// scalar is a text, "" for null and absent.
func (o object) scalar(name string) (string, bool) {
	switch v := o[name].(type) {
	case nil:
		return "", true
	case []any, object:
		return "", false
	default:
		return fmt.Sprint(v), true
	}
}

// each walks a list of objects, nil being an empty one.
func (o object) each(name string, visit func(o object) bool) bool {
	list, ok := o[name].([]any)
	if !ok {
		return o[name] == nil
	}
	for _, v := range list {
		if o, ok := v.(object); !ok || !visit(o) {
			return false
		}
	}
	return true
}

func (o object) scalars(names ...string) bool {
	for _, name := range names {
		if _, ok := o.scalar(name); !ok {
			return false
		}
	}
	return true
}

func slowID(text string) string {
	const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"
	return strings.Map(func(r rune) rune {
		if !strings.ContainsRune(allowed, r) {
			return -1
		}
		return r
	}, strings.ReplaceAll(text, " ", "_"))
}

func (s *slowElements) element(v any) bool {
	e, ok := v.(object)
	if !ok || !e.scalars("id", "name", "type", "location") {
		return false
	}
	text, _ := e.scalar("id")
	id := slowID(text)
	tag := func(t object) bool { return t.scalars("name", "value") }
	fine := id != "" && e.each("tags", tag) && e.each("attributes", tag) &&
		e.each("relations", func(r object) bool { return r.scalars("fqn") }) &&
		e.each("metrics", func(m object) bool {
			text, _ := m.scalar("id")
			return slowID(text) != "" && m.scalars("id", "name", "type", "unit", "sparseDataStrategy") && m.each("tags", tag)
		})
	s.lines = append(s.lines, "element "+id)
	return fine && e.each("samples", func(o object) bool { return s.sample(id, o) })
}

func (s *slowElements) sample(element string, o object) bool {
	text, ok := o.scalar("metricId")
	time, timed := int64(wiretest.Now), true
	switch v := o["timestamp"].(type) {
	case nil:
		timed = false
	case json.Number:
		n, good := wire.ParseScaled([]byte(v), 0)
		time, ok = n, ok && good
	case string:
		if timed = strings.TrimSpace(v) != ""; timed {
			n, good := wire.ParseTime([]byte(strings.TrimSpace(v)))
			time, ok = n, ok && good
		}
	default:
		ok = false
	}
	var parts []string
	for _, name := range []string{"val", "min", "max", "avg", "sum", "cnt"} {
		number, good := slowNumber(o[name])
		ok = ok && good
		if number != "" {
			parts = append(parts, fmt.Sprintf("%q:%s", name, number))
		}
	}
	if !ok || slowID(text) == "" || !timed && !s.inject {
		return false
	}
	if len(parts) == 0 {
		return true
	}
	value := "{" + strings.Join(parts, ",") + "}"
	if number, alone := strings.CutPrefix(parts[0], `"val":`); alone && len(parts) == 1 {
		value = number
	}
	s.lines = append(s.lines, fmt.Sprintf("point %s %s %d %s", element, slowID(text), time, value))
	return true
}

// slowNumber is a number as it is spelled, "" for none.
func slowNumber(v any) (string, bool) {
	switch v := v.(type) {
	case nil:
		return "", true
	case json.Number:
		return string(v), true
	case string:
		text := strings.TrimSpace(v)
		isNumber := json.Valid([]byte(text)) && strings.Trim(text, "-+.eE0123456789") == ""
		return text, text == "" || isNumber
	}
	return "", false
}

// Formats that are wrong on purpose must not pass.
func TestCanary_CloudWisdom(t *testing.T) {
	const body = `[{"id":"e","samples":[{"metricId":"m","timestamp":1,"val":2}]}]`
	keeps := func(value string) wire.Format {
		format := cloudwisdom.Format
		format.Routes = slices.Clone(format.Routes)
		for i := range format.Routes {
			format.Routes[i].New = func() wire.Parser {
				return parse(func(_ *wire.Request, b *wire.Batch) *wire.Fault {
					addValue(b, []byte(value))
					return nil
				})
			}
		}
		return format
	}
	for _, value := range []string{`{"kind":"element","element":"e"}`, `{"kind":"metric","metric":"m","element":"e","points":[[1,3]]}`, `[]`} {
		if checkCloudWisdomElements(keeps(value), cloudwisdomPOST(cloudwisdomElements, []byte(body), "", "")) == nil {
			t.Errorf("a format that makes %s of %s passes", value, body)
		}
	}
	for _, body := range []string{`[{},{}]`, `{`} {
		if checkCloudWisdomItems(keeps(`{}`), cloudwisdomPOST(cloudwisdomEvents, []byte(body), "", "")) == nil {
			t.Errorf("a format that counts nothing passes on %s", body)
		}
	}
}
