package fuzz

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"penstock/wire"
	"penstock/wire/splunk"
	"penstock/wire/wiretest"
)

func FuzzSplunk_Events(f *testing.F)  { fuzzSplunkJSON(f, "events", checkSplunkEvents) }
func FuzzSplunk_Metrics(f *testing.F) { fuzzSplunkJSON(f, "metrics", checkSplunkMetrics) }

func fuzzSplunkJSON(f *testing.F, door string, same func(f wire.Format, a *attack) error) {
	for _, c := range goldens(f, "splunk") {
		if strings.HasSuffix(c.Path, "/"+door) && len(c.Body) <= attackLimit {
			f.Add(c.Body, string(c.Header.Peek("Content-Encoding")), "acme")
			f.Add(c.Body, "", c.Path)
		}
	}
	f.Fuzz(func(t *testing.T, body []byte, encoding, tenant string) {
		a := splunkPOST(door, tenant, body, wiretest.Values{{"Content-Encoding", encoding}})
		if err := check(splunk.Format, a); err != nil {
			t.Fatal(err)
		}
		if err := same(splunk.Format, a); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzSplunk_Files(f *testing.F) {
	for _, c := range goldens(f, "splunk") {
		if strings.HasSuffix(c.Path, "/files") && len(c.Body) <= attackLimit {
			f.Add(c.Body, string(c.Header.Peek("Content-Type")))
		}
	}
	f.Fuzz(func(t *testing.T, body []byte, contentType string) {
		a := splunkPOST("files", "acme", body, wiretest.Values{{"Content-Type", contentType}})
		if err := check(splunk.Format, a); err != nil {
			t.Fatal(err)
		}
		if err := checkSplunkFiles(splunk.Format, a, contentType); err != nil {
			t.Fatal(err)
		}
	})
}

// splunkPOST is a request to a door; a tenant that no path can hold goes to the bare one.
func splunkPOST(door, tenant string, body []byte, header wiretest.Values) *attack {
	path := "/" + tenant + "/ingest/v1beta2/" + door
	if tenant == "" || strings.Contains(tenant, "/") {
		path = "/" + door
	}
	return &attack{method: "POST", path: path, body: body, header: append(header, [2]string{"Authorization", "Bearer t"})}
}

// splunkOutcome parses an attack once more, for what a reference is compared with.
func splunkOutcome(f wire.Format, a *attack) (payload []byte, b *wire.Batch, fault *wire.Fault) {
	route := wiretest.Route(f, a.method, a.path)
	req, decoder := a.request()
	req.Params = wiretest.Params(route.Path, a.path)
	b = new(wire.Batch)
	fault = route.New().Parse(req, b)
	return decoder.Payload, b, fault
}

// asGo compares what the strict reader thinks of a body with what encoding/json does. comparable is false where the two answer
// different questions: limits, and what the format's first comment says is decided otherwise. refused is what the service says of
// events that the decoder read well.
func asGo(payload []byte, fault *wire.Fault, err error, refused bool) (comparable bool, _ error) {
	code := wire.OK
	if fault != nil {
		code = fault.Code
	}
	switch code {
	case wire.TooLarge, wire.TooMany, wire.TooDeep, wire.NoData, wire.BadEncoding, wire.BadCompression:
		return false, nil
	case wire.BadJSON:
		if json.Valid(payload) {
			return false, errors.New("JSON is refused as none")
		}
		return false, nil
	case wire.BadNumber:
		numbers := bytes.FieldsFunc(payload, func(r rune) bool { return !strings.ContainsRune("+-.0123456789eE", r) })
		if slices.ContainsFunc(numbers, func(number []byte) bool { return len(number) > 64 }) {
			return false, nil
		}
	}
	decoder := code != wire.OK && code != wire.Empty && code != wire.MissingField
	if decoder != (err != nil) {
		return false, fmt.Errorf("fault %v, encoding/json says %v", fault, err)
	}
	if !decoder && (code != wire.OK) != refused {
		return false, fmt.Errorf("fault %v, and the events are to be refused: %v", fault, refused)
	}
	if decoder && utf8.Valid(payload) && !bytes.Contains(payload, []byte(`\u`)) && len(err.Error()) < 100 {
		want := strings.NewReplacer("fuzz.", "ingest.", "map[string]json.RawMessage", "map[string]interface {}",
			"vent.source_type of", "vent.sourcetype of").Replace(err.Error())
		if string(fault.Detail) != want {
			return false, fmt.Errorf("says %s, encoding/json %s", fault.Detail, want)
		}
	}
	return code == wire.OK, nil
}

// strictly decodes as the service does.
func strictly(payload []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(payload))
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}

// checkSplunkEvents holds the events door to encoding/json: what it accepts, what it says of the rest, and what it reads.
func checkSplunkEvents(f wire.Format, a *attack) error {
	type Event struct {
		Body        json.RawMessage            `json:"body"`
		Attributes  map[string]json.RawMessage `json:"attributes"`
		Host        *string                    `json:"host"`
		Source      *string                    `json:"source"`
		Sourcetype  *string                    `json:"sourcetype"`
		Source_type *string                    `json:"source_type"`
		Timestamp   *int64                     `json:"timestamp"`
		Nanos       *int32                     `json:"nanos"`
		ID          *string                    `json:"id"`
		Kind        *string                    `json:"kind"`
	}
	payload, b, fault := splunkOutcome(f, a)
	var want []Event
	err := strictly(payload, &want)
	bodiless := func(e Event) bool { return e.Body == nil || string(e.Body) == "null" }
	ok, err := asGo(payload, fault, err, len(want) == 0 || slices.ContainsFunc(want, bodiless))
	if err != nil || !ok {
		return wrapped(payload, err)
	}
	if len(b.Records) != len(want) {
		return fmt.Errorf("%q: %d records of %d events", payload, len(b.Records), len(want))
	}
	for i, r := range b.Records {
		var got struct {
			Body, Attributes json.RawMessage
			Host, Source, ID *string
			Time             int64
			Nanos            *int32
		}
		if err := json.Unmarshal(r.Value, &got); err != nil {
			return err
		}
		w, time := &want[i], int64(wiretest.Now)
		if w.Timestamp != nil {
			time = *w.Timestamp
		}
		texts := bytes.Contains(payload, []byte(`\u`)) || // lone surrogates stay as they are spelled
			sameText(w.Host, got.Host) && sameText(w.Source, got.Source) && sameText(w.ID, got.ID)
		if !bytes.Equal(w.Body, got.Body) || (w.Attributes == nil) != (got.Attributes == nil) || time != got.Time || r.Time != time || !texts ||
			(w.Nanos == nil) != (got.Nanos == nil) || w.Nanos != nil && *w.Nanos != *got.Nanos {
			return fmt.Errorf("%q: event %d is %s", payload, i, r.Value)
		}
	}
	return nil
}

func sameText(a, b *string) bool { return (a == nil) == (b == nil) && (a == nil || *a == *b) }

func wrapped(payload []byte, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%q: %w", payload, err)
}

// checkSplunkMetrics holds the metrics door to encoding/json, and its records to the points that the events have.
func checkSplunkMetrics(f wire.Format, a *attack) error {
	type Metric struct {
		Name       string            `json:"name"`
		Value      *float64          `json:"value"`
		Dimensions map[string]string `json:"dimensions"`
		Type       *string           `json:"type"`
		Unit       *string           `json:"unit"`
	}
	type MetricAttribute struct {
		DefaultDimensions map[string]string `json:"defaultDimensions"`
		DefaultType       *string           `json:"defaultType"`
		DefaultUnit       *string           `json:"defaultUnit"`
	}
	type MetricEvent struct {
		Body        []Metric         `json:"body"`
		Attributes  *MetricAttribute `json:"attributes"`
		Host        *string          `json:"host"`
		Source      *string          `json:"source"`
		Sourcetype  *string          `json:"sourcetype"`
		Source_type *string          `json:"source_type"`
		Timestamp   *int64           `json:"timestamp"`
		Nanos       *int32           `json:"nanos"`
		ID          *string          `json:"id"`
		Kind        *string          `json:"kind"`
	}
	payload, b, fault := splunkOutcome(f, a)
	var events []MetricEvent
	err := strictly(payload, &events)
	if err == nil && (fault == nil || fault.Code == wire.MissingField) && repeats(json.NewDecoder(bytes.NewReader(payload))) {
		return nil // Go merges what we replace
	}
	refused := len(events) == 0
	for _, e := range events {
		refused = refused || len(e.Body) == 0 || slices.ContainsFunc(e.Body, func(m Metric) bool { return m.Name == "" })
	}
	ok, err := asGo(payload, fault, err, refused)
	if err != nil || !ok || bytes.Contains(payload, []byte(`\u`)) {
		return wrapped(payload, err)
	}
	var want, got []string
	for _, e := range events {
		var inherit MetricAttribute
		if e.Attributes != nil {
			inherit = *e.Attributes
		}
		time := int64(wiretest.Now)
		if e.Timestamp != nil {
			time = *e.Timestamp
		}
		for _, m := range e.Body {
			tags := map[string]string{}
			for _, from := range []map[string]string{inherit.DefaultDimensions, m.Dimensions} {
				for name, value := range from {
					tags[name] = value
				}
			}
			value := 0.0
			if m.Value != nil {
				value = *m.Value
			}
			want = append(want, fmt.Sprint(m.Name, tags, value, time, given("g", m.Type, inherit.DefaultType),
				given("none", m.Unit, inherit.DefaultUnit), given("", e.Host)))
		}
	}
	for _, r := range b.Records {
		var record struct {
			Metric, Type, Unit, Host string
			Tags                     map[string]string
			Points                   [][]json.Number
		}
		if err := json.Unmarshal(r.Value, &record); err != nil {
			return err
		}
		for _, point := range record.Points {
			time, _ := point[0].Int64()
			value, _ := point[1].Float64()
			got = append(got, fmt.Sprint(record.Metric, record.Tags, value, time, record.Type, record.Unit, record.Host))
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if text := strings.Join(got, "\n"); text != strings.Join(want, "\n") {
		return fmt.Errorf("%q gives\n%s\nand should\n%s", payload, text, strings.Join(want, "\n"))
	}
	return nil
}

// given is the first text that says something, or what is said without.
func given(otherwise string, texts ...*string) string {
	for _, text := range texts {
		if text != nil && *text != "" {
			return *text
		}
	}
	return otherwise
}

// repeats reports whether an object in the next value, which must be sound JSON, has two members of one name.
func repeats(decoder *json.Decoder) bool {
	token, _ := decoder.Token()
	found, names := false, map[string]bool{}
	for delim, _ := token.(json.Delim); (delim == '[' || delim == '{') && decoder.More(); {
		if delim == '{' {
			name, _ := decoder.Token()
			folded := strings.ToLower(strings.ToUpper(name.(string)))
			found, names[folded] = found || names[folded], true
		}
		found = repeats(decoder) || found
	}
	if _, ok := token.(json.Delim); ok {
		decoder.Token()
	}
	return found
}

// checkSplunkFiles holds the files door to mime/multipart: what that reads without a complaint is read here too, to the same files.
func checkSplunkFiles(f wire.Format, a *attack, contentType string) error {
	var files []string
	kind, params, err := mime.ParseMediaType(contentType)
	boundary := params["boundary"]
	mixed := bytes.Count(a.body, []byte("\n")) != bytes.Count(a.body, []byte("\r\n")) && bytes.Contains(a.body, []byte("\r"))
	if err != nil || kind != "multipart/form-data" || boundary == "" || len(boundary) > 70 || mixed || strings.Contains(contentType, "*") ||
		strings.Contains(contentType, `\`) || len(a.body) > 4<<10 {
		return nil
	}
	// A body that ends in the headers of a part is io.EOF to mime/multipart, as a sound one is, and to us one that was cut. An empty
	// line behind it ends those headers, so that it is an error to both; what ends in its last delimiter has none to end.
	blank := "\n\n"
	if bytes.Contains(a.body, []byte("\r")) {
		blank = "\r\n\r\n"
	}
	parts := multipart.NewReader(io.MultiReader(bytes.NewReader(a.body), strings.NewReader(blank)), boundary)
	for {
		part, err := parts.NextRawPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil
		}
		content, err := io.ReadAll(part)
		if err != nil {
			return nil
		}
		disposition := part.Header.Get("Content-Disposition")
		if part.FormName() == "upfile" {
			files = append(files, string(content))
		} else if strings.Contains(strings.ToLower(disposition), "name") {
			return nil // perhaps a name that Go does not read and we do
		}
	}
	_, b, fault := splunkOutcome(f, a)
	if (fault != nil) != (len(files) == 0) || len(b.Records) != len(files) {
		return fmt.Errorf("%q: %d files and fault %v, mime/multipart finds %d", a.body, len(b.Records), fault, len(files))
	}
	for i, r := range b.Records {
		var got struct {
			Body       []byte
			Attributes struct{ Encoding string }
		}
		if json.Unmarshal(r.Value, &got) == nil && got.Attributes.Encoding == "base64" {
			if string(got.Body) != files[i] {
				return fmt.Errorf("%q: file %d is %q, mime/multipart says %q", a.body, i, got.Body, files[i])
			}
			continue
		}
		var text struct{ Body string }
		if err := json.Unmarshal(r.Value, &text); err != nil || text.Body != files[i] {
			return fmt.Errorf("%q: file %d is %q, mime/multipart says %q", a.body, i, text.Body, files[i])
		}
	}
	return nil
}
