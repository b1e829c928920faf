package kairosdb

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"penstock/wire"
)

// three is a body of three series, the second of them in the other form; its points are at so many milliseconds.
func three(first, second, third int, value string) (metrics []string, body string) {
	metrics = []string{
		fmt.Sprintf(`{"name":"a","timestamp":%d,"value":%s,"tags":{"h":"1"}}`, first, value),
		fmt.Sprintf(`{"name":"b","tags":{"h":"1"},"datapoints":[[%d, %s]]}`, second, value),
		fmt.Sprintf(`{"name":"c","timestamp":%d,"value":%s,"tags":{"h":"2"}}`, third, value),
	}
	return metrics, "[" + strings.Join(metrics, ",") + "]"
}

// A series that follows the one that it followed the last time is expected, with other numbers and at another time.
func TestExpected(t *testing.T) {
	var p parser
	_, body := three(1, 1, 1, "0.5")
	p.Parse(post(body), new(wire.Batch))
	for _, stamps := range [][3]int{{1, 1, 1}, {20, 20, 20}, {300, 301, 302}, {7, 80, 900}, {7000, 800, 90}, {1e18 - 1, 1, 1e18 - 1}} {
		for _, value := range []string{"1.5", "-2.25"} {
			metrics, body := three(stamps[0], stamps[1], stamps[2], value)
			p.Parse(post(body), new(wire.Batch))
			p.body = []byte(body)
			at := 1
			for i, metric := range metrics {
				_, end := p.expected(at)
				if point := p.known.point; end != at+len(metric) || point.Time != int64(stamps[i]) || string(point.Stamp) != fmt.Sprint(stamps[i]) || string(point.Value) != value {
					t.Errorf("%s: ends at %d, %d %s %s", metric, end, point.Time, point.Stamp, point.Value)
				}
				at = end + 1
			}
		}
	}
}

// tell is all that comes of a body.
func tell(p *parser, body string) string {
	var b wire.Batch
	told := fmt.Sprintln(p.Parse(post(body), &b))
	for _, r := range b.Records {
		told += fmt.Sprintf("%s %q %s %d\n", r.Topic, r.Key, r.Value, r.Time)
	}
	parts, all := b.Rejected()
	for _, part := range parts {
		told += fmt.Sprintf("%v %d %q %q\n", part.Code, part.Offset, part.Raw, part.Detail)
	}
	return told + fmt.Sprint(all, b.Items)
}

// What comes of a body that differs from one that was known by a byte, or by a piece of it, is what a new parser makes of it.
func TestKnown_ByLittleElse(t *testing.T) {
	metrics, body := three(10, 10, 11, "1.5")
	again := "[" + metrics[0] + "," + strings.Replace(metrics[1], "]]", "],[12,2],[13,2.5]]", 1) + "," + metrics[0] + "]"
	var used parser
	check := func(changed string) {
		t.Helper()
		used.gather = 0
		tell(&used, body)
		used.gather = 0
		if got, want := tell(&used, changed), tell(new(parser), changed); got != want {
			t.Fatalf("%s\n%s\nwant\n%s", changed, got, want)
		}
	}
	for _, body := range []string{body, again, "\ufeff" + body, body + " ", metrics[0]} {
		check(body)
	}
	for _, body := range []string{body, again} {
		for at := range body {
			check(body[:at])
			check(body[:at] + body[at+1:])
			for _, c := range []byte("\"\\,:}]0 9.-") {
				check(body[:at] + string([]byte{c}) + body[at+1:])
				check(body[:at] + string([]byte{c}) + body[at:])
			}
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 1000 { // pieces that change places
		from, to := r.IntN(len(body)), r.IntN(len(body))
		size := r.IntN(min(len(body)-from, len(body)-to) + 1)
		check(body[:to] + body[from:from+size] + body[to+r.IntN(size+1):])
	}
}
