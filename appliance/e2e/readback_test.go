package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// record is what `penstock tail --format json` prints in a line.
type record struct {
	Time  int64
	Key   *string
	Value json.RawMessage
}

// records reads a topic, which need not exist, from its beginning to its end.
func (s *server) records(topic string) (all []record) {
	s.t.Helper()
	if status, _ := s.get("/v1/topics/" + topic); status == http.StatusNotFound {
		return nil
	}
	for _, line := range s.tail(topic, "--until", "end", "--format", "json") {
		if line == "" {
			continue // a topic without records
		}
		var r record
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			s.t.Fatalf("%v: %s", err, line)
		}
		all = append(all, r)
	}
	return all
}

// await reads until as many things as wanted are there, for half a minute at most: streams acknowledge nothing. There may be more.
func await[T any](read func() []T, wanted int) (all []T) {
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if all = read(); len(all) >= wanted || time.Now().After(end) {
			return all
		}
	}
}

// object is a record's value, or what is wanted of one.
type object = map[string]any

// parsed is a value with its numbers as they are written.
func parsed(t testing.TB, text []byte) (o object) {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&o); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return o
}

// spelled is a JSON value in one spelling: of all that say the same, members in the order of their names.
func spelled(t testing.TB, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// point is one point of a metric: what the record says but for its points, in one spelling, and the point's own.
type point struct {
	series string
	time   int64
	value  string
}

func (p point) String() string { return fmt.Sprintf("%s %d %s", p.series, p.time, p.value) }

// series is what the points of a metric record share.
func series(t testing.TB, wire, metric string, tags object, more ...object) string {
	t.Helper()
	all := object{"kind": "metric", "metric": metric, "wire": wire}
	if len(tags) > 0 {
		all["tags"] = tags
	}
	for _, fields := range more {
		maps.Copy(all, fields)
	}
	return spelled(t, all)
}

// points are all points of the topic metrics. A record must have the time of its first point, and the series' name for a key.
func (s *server) points() (all []point) {
	s.t.Helper()
	for _, r := range s.records("metrics") {
		value := parsed(s.t, r.Value)
		list, _ := value["points"].([]any)
		delete(value, "points")
		shared := spelled(s.t, value)
		for i, item := range list {
			tuple, _ := item.([]any)
			if len(tuple) < 2 || len(tuple) > 3 {
				s.t.Fatalf("a point that is none: %s", r.Value)
			}
			ms, err := strconv.ParseInt(fmt.Sprint(tuple[0]), 10, 64)
			if err != nil || i == 0 && ms != r.Time {
				s.t.Fatalf("%v, or a point's time is not its record's, %d: %s", err, r.Time, r.Value)
			}
			text := number(fmt.Sprint(tuple[1]))
			if len(tuple) == 3 {
				text += fmt.Sprint(" and ", tuple[2], " ns")
			}
			all = append(all, point{shared, ms, text})
		}
		if key := seriesKey(value); len(list) == 0 || r.Key == nil || *r.Key != key {
			s.t.Fatalf("no points, or not the key %s: %s", key, r.Value)
		}
	}
	return all
}

// seriesKey is name;tag=value;tag=value, and the element or else the host behind them.
func seriesKey(metric object) string {
	key := fmt.Sprint(metric["metric"])
	tags, _ := metric["tags"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(tags)) {
		key += fmt.Sprint(";", name, "=", tags[name])
	}
	for _, name := range []string{"element", "host"} {
		if of, ok := metric[name]; ok {
			return key + fmt.Sprint(";", name, "=", of)
		}
	}
	return key
}

// number is a number in one spelling: a whole one's digits, whatever their number, else the shortest of the double it is.
func number(text string) string {
	if !strings.ContainsAny(text, ".eE") {
		return text
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return text
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}

// wantPoints waits for points and wants these and no others, in any order.
func (s *server) wantPoints(want []point) {
	s.t.Helper()
	sameTexts(s.t, texts(await(s.points, len(want))), texts(want))
}

// wantRejected wants the server to have kept these as refused, and nothing else.
func (s *server) wantRejected(want ...string) {
	s.t.Helper()
	var got []string
	for _, r := range await(func() []record { return s.records("_rejected") }, len(want)) {
		got = append(got, fmt.Sprint(parsed(s.t, r.Value)["raw"]))
	}
	sameTexts(s.t, got, want)
}

func texts[T fmt.Stringer](all []T) (texts []string) {
	for _, one := range all {
		texts = append(texts, one.String())
	}
	return texts
}

// sameTexts wants the same texts as often, in any order.
func sameTexts(t testing.TB, got, want []string) {
	t.Helper()
	left := map[string]int{}
	for _, text := range want {
		left[text]++
	}
	const most = 10
	wrong := 0
	for _, text := range got {
		if left[text]--; left[text] < 0 && wrong < most {
			wrong++
			t.Errorf("not wanted: %s", text)
		}
	}
	for _, text := range slices.Sorted(maps.Keys(left)) {
		if left[text] > 0 && wrong < 2*most {
			wrong++
			t.Errorf("missing: %s", text)
		}
	}
	if len(got) != len(want) || wrong > 0 {
		t.Fatalf("read back %d of %d", len(got), len(want))
	}
}
