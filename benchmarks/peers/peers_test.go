package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"penstock/benchmarks/spread"
)

// TestQuick runs everything that needs nothing from outside, at a size that shows that it runs.
func TestQuick(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and starts real servers")
	}
	t.Chdir("../..") // where the command is run
	dir := t.TempDir()
	bin := filepath.Join(dir, "penstock")
	if out, err := exec.Command("go", "build", "-o", bin, "./appliance/cmd/penstock").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	saved := filepath.Join(dir, "figures.json")
	var out, log bytes.Buffer
	drawn := filepath.Join(dir, "plots")
	o := options{bin: bin, rounds: 1, quick: true, dir: dir, json: saved, plots: drawn}
	if err := run(t.Context(), o, &out, &log); err != nil {
		t.Fatalf("%v\n%s\n%s", err, log.Bytes(), out.Bytes())
	}
	text, err := os.ReadFile(saved)
	if err != nil {
		t.Fatal(err)
	}
	var r report
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	for _, c := range cells {
		if c.foreign() != (len(r.Results[c.name]) == 0) {
			t.Errorf("%s: %d figures", c.name, len(r.Results[c.name]))
		}
		for _, f := range r.Results[c.name] {
			if f.Rate <= 0 {
				t.Errorf("%s: %+v", c.name, f)
			}
		}
	}
	turned := bytes.Buffer{}
	o = options{bin: bin, beside: bin, rounds: 2, quick: true, dir: dir, only: "^1 batch (log|bare)$|^3 put ours$"}
	if err := run(t.Context(), o, &turned, &log); err != nil {
		t.Fatalf("%v\n%s\n%s", err, log.Bytes(), turned.Bytes())
	}
	if n := strings.Count(turned.String(), " | "+bin+" | "); n != 4 {
		t.Errorf("two cells of two binaries in turns have %d rows:\n%s", n, turned.Bytes())
	}
	for _, want := range []string{"| 1 batch: log ÷ bare | ≤ 7 |", "not judged", "a 50th of the load"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the tables do not have %q:\n%s", want, out.Bytes())
		}
	}
	first, err := os.ReadFile(filepath.Join(drawn, "peers.svg"))
	if err != nil {
		t.Fatal(err)
	}
	var again bytes.Buffer
	if err := run(t.Context(), options{from: saved, plots: filepath.Join(dir, "again")}, &again, &log); err != nil || again.String() != out.String() {
		t.Errorf("from the file it is told otherwise: %v\n%s", err, again.Bytes())
	}
	if second, err := os.ReadFile(filepath.Join(dir, "again", "peers.svg")); err != nil || !bytes.Equal(second, first) {
		t.Errorf("from the file it is drawn otherwise: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "penstock-peers-*")); len(left) > 0 {
		t.Errorf("left behind: %s", left)
	}
}

// TestCellsAndRatios holds the tables together.
func TestCellsAndRatios(t *testing.T) {
	named := map[string]bool{}
	for _, c := range cells {
		if named[c.name] || c.name[0] < '1' || c.name[0] > '5' {
			t.Errorf("cell %q: twice, or of no show", c.name)
		}
		named[c.name] = true
		known := c.tool == ""
		for _, tool := range tools {
			known = known || tool.name == c.tool
		}
		if !known {
			t.Errorf("cell %q needs %q, which nothing installs", c.name, c.tool)
		}
	}
	used := map[string]bool{}
	for _, r := range ratios {
		used[cellNamed(r.over).name], used[cellNamed(r.under).name] = true, true
		if r.note == "" {
			t.Errorf("%s: nothing says what is not alike", r.name)
		}
		if cellNamed(r.over).unit != cellNamed(r.under).unit {
			t.Errorf("%s: of different units", r.name)
		}
	}
	for _, c := range cells {
		if !used[c.name] {
			t.Errorf("cell %q is in no ratio", c.name)
		}
	}
}

// The bytes that are sent, for a fixed time: who changes them begins a new series of figures.
func TestTheSameBytesAlways(t *testing.T) {
	const now = 1_700_000_000
	for _, c := range []struct {
		name string
		got  *messages
		want string
	}{
		{"batches", ndjson(now, perRequest), "28ebc996d705dc78"},
		{"put", lines(20_000, now, putLine), "ceb3e40263c8a9d4"},
		{"graphite", lines(20_000, now, graphiteLine), "6e86dfbb7a3e70f0"},
		{"pickle", pickles(20_000, now), "fdbeb096bd3b3cc5"},
		{"kairos", dataPoints(20_000, now, "/api/v1/datapoints", "name"), "f6297baa082c9b74"},
	} {
		sum := sha256.Sum256(c.got.bytes)
		if got := hex.EncodeToString(sum[:8]); got != c.want {
			t.Errorf("%s: %s, not %s; it begins %.300q", c.name, got, c.want, c.got.bytes)
		}
		if n := len(c.got.ends); n != len(c.got.units) || c.got.ends[n-1] != len(c.got.bytes) {
			t.Errorf("%s: %d ends, the last at %d of %d", c.name, n, c.got.ends[n-1], len(c.got.bytes))
		}
	}
	for from, i := newEvents(now*1e9), 0; i < 10_000; i++ {
		if e := from.append(nil); len(e) != eventSize || !json.Valid(e) {
			t.Fatalf("event %d has %d bytes: %s", i, len(e), e)
		}
	}
}

// What CPython makes of pickle.dumps([("a", …)], protocol=2), but for the names and values, which are those of the first two samples.
func TestPickleIsCPythons(t *testing.T) {
	m := pickles(2, 1_700_000_000)
	frame := m.bytes[4:]
	var name [2][]byte
	var value [2][]byte
	i := 0
	samples(2, 1_700_000_000, func(s *sample) {
		name[i] = graphiteName(nil, s)
		value[i] = frame[bytes.Index(frame, name[i])+len(name[i])+2+5+1:][:8]
		i++
	})
	want := "\x80\x02]q\x00(" +
		"X" + string([]byte{byte(len(name[0])), 0, 0, 0}) + string(name[0]) + "q\x01J\x00\xf1SeG" + string(value[0]) + "\x86q\x02\x86q\x03" +
		"X" + string([]byte{byte(len(name[1])), 0, 0, 0}) + string(name[1]) + "q\x04J\x00\xf1SeG" + string(value[1]) + "\x86q\x05\x86q\x06e."
	if string(frame) != want || m.bytes[3] != byte(len(frame)) {
		t.Errorf("got  %q\nwant %q", frame, want)
	}
}

func TestReplies(t *testing.T) {
	for _, c := range []struct {
		what  string
		read  replies
		reply string
		says  says
	}{
		{"fasthttp", httpReply, "HTTP/1.1 202 Accepted\r\nServer: fasthttp\r\nContent-Length: 0\r\n\r\n", accepted},
		{"with a body", httpReply, "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{\"ok\": true}", accepted},
		{"no content", httpReply, "HTTP/1.1 204 No Content\r\nDate: now\r\n\r\n", accepted},
		{"busy", httpReply, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy", again},
		{"refused", httpReply, "HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\nno", failed},
		{"XADD", redisReply, "$15\r\n1700000000000-0\r\n", accepted},
		{"Redis refuses", redisReply, "-MISCONF no disk\r\n", failed},
		{"JetStream", natsReply, "INFO {}\r\nPING\r\nMSG _INBOX.0 1 27\r\n{\"stream\":\"events\",\"seq\":1}\r\n", accepted},
		{"JetStream refuses", natsReply, "MSG _INBOX.0 1 22\r\n{\"error\":{\"code\":503}}\r\n", failed},
		{"NATS refuses", natsReply, "-ERR 'Maximum Payload Violation'\r\n", failed},
	} {
		for cut := range len(c.reply) {
			if size, said := c.read([]byte(c.reply[:cut])); size != 0 || said != nothing {
				t.Errorf("%s: %q is a reply of %d bytes that says %d", c.what, c.reply[:cut], size, said)
			}
		}
		if size, said := c.read([]byte(c.reply + "HTTP/1.1 200 OK")); size != len(c.reply) || said != c.says {
			t.Errorf("%s: %d bytes that say %d", c.what, size, said)
		}
	}
}

func TestJudge(t *testing.T) {
	results := map[string][]figure{
		"a": {{CPU: 6}, {CPU: 9}, {CPU: 8}},
		"b": {{CPU: 2}, {CPU: 1}, {CPU: 2}},
		"c": {{CPU: 1}, {Err: "999 of 1000 are there"}, {CPU: 1}},
		"d": {{CPU: 1}, {}, {CPU: 1}},
	}
	if v := judge(&ratio{over: "a", under: "b"}, results); v.Spread != (spread.Spread{Median: 4, Min: 3, Max: 9}) || v.rounds != 3 || v.failed != "" {
		t.Errorf("a ÷ b: %+v", v)
	}
	for _, under := range []string{"c", "d"} {
		if v := judge(&ratio{over: "a", under: under}, results); v.failed == "" {
			t.Errorf("a ÷ %s has a failed round and is told as %+v", under, v)
		}
	}
	r := &report{Scale: 1}
	for _, c := range []struct {
		ratio ratio
		f     float64
		want  string
	}{
		{ratio{must: 7, stretch: 5}, 7.01, "**no**"}, {ratio{must: 7, stretch: 5}, 7, "yes"}, {ratio{must: 7, stretch: 5}, 5, "yes, and the stretch"},
		{ratio{must: 6, stretch: 8, atLeast: true}, 5.99, "**no**"}, {ratio{must: 6, stretch: 8, atLeast: true}, 6, "yes"},
		{ratio{must: 6, stretch: 8, atLeast: true}, 9, "yes, and the stretch"},
	} {
		if got := r.holds(&c.ratio, verdict{Spread: spread.Spread{Median: c.f, Min: c.f, Max: c.f}, rounds: 1}); got != c.want {
			t.Errorf("%v of %+v: %s", c.f, c.ratio, got)
		}
	}
	if got := r.holds(&ratio{must: 7}, verdict{failed: "x", rounds: 2}); got != "**not known**" {
		t.Errorf("a failed round: %s", got)
	}
}

// made is a report with figures that nobody measured: two rounds of each cell, the second dearer by half.
func made() *report {
	r := &report{Rounds: 2, Scale: 1, Results: map[string][]figure{}}
	r.Machine.Cores = 2
	for i, c := range cells {
		cpu := 0.5 + float64(i)
		r.Results[c.name] = []figure{{CPU: cpu, Rate: 1e6}, {CPU: 1.5 * cpu, Rate: 2e6}}
	}
	r.Results[batchBare], r.Results[batchLog] = []figure{{CPU: 0.05}, {CPU: 0.1}}, []figure{{CPU: 0.5}, {CPU: 0.4}}
	r.Results[singleDisk], r.Results[singleBare] = []figure{{CPU: 20, Rate: 50_000}, {Err: "it died"}}, []figure{{CPU: 10}, {CPU: 10}}
	return r
}

func TestHeadlines(t *testing.T) {
	var out bytes.Buffer
	made().headlines(&out)
	for _, want := range []string{
		"One CPU second takes 2.2 M [2.0 M..2.5 M] events** in batches of 320", "That costs 7.00 [4.00..10.0] times",
		"One CPU second takes 50 k [50 k..50 k] requests of one event**", "failed: 2 256 disk: it died", "at least 50 k a second here",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.Bytes())
		}
	}
	out.Reset()
	(&report{Results: map[string][]figure{batchLog: {{CPU: 0}}}}).headlines(&out)
	if out.Len() > 0 {
		t.Errorf("without a figure it says %s", out.Bytes())
	}
}

func TestModel(t *testing.T) {
	var out bytes.Buffer
	made().model(&out)
	for _, want := range []string{
		// 2.25 M a CPU second, of which half is taken: 9.0 M of 8 cores; 201 bytes and the frames' are 5.8 M a 10 Gbit/s; 4.6 M a GB/s.
		"A core bears 1.1 M events a second", "| 2 | 2.2 M CPU |", "| 8 | 4.6 M disk | 5.8 M NIC |",
		"single events, `disk`: 50 k events a CPU second measured", "| 32 | 800 k CPU |", "Computed, not measured",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.Bytes())
		}
	}
	for _, c := range []struct {
		cores, gbits, gbs float64
		part              string
	}{{1, 100, 100, "CPU"}, {100, 1, 100, "NIC"}, {100, 100, 1, "disk"}} {
		if rate, part := (limits{1, 1, 1}).least(c.cores, c.gbits, c.gbs); rate != 1 || part != c.part {
			t.Errorf("%+v: %v, %s", c, rate, part)
		}
	}
}

// Every cell is in the plot, one that failed and one whose CPU was not seen, too.
func TestBars(t *testing.T) {
	r := made()
	r.Results["3 put ours"] = []figure{{Err: "it died"}}
	r.Results["3 pickle ours"] = []figure{{CPU: 0}}
	dir := t.TempDir()
	if err := r.plots(dir, cells); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "peers.svg"))
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]int{}
	in := ""
	for d := xml.NewDecoder(bytes.NewReader(text)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		switch e := token.(type) {
		case xml.StartElement:
			in = e.Name.Local
		case xml.CharData:
			if in == "text" {
				said[string(e)]++
			}
		}
	}
	for _, c := range cells {
		if said[c.what] == 0 || said[shows[c.name[0]]] != 1 {
			t.Errorf("%s is not in the plot, or %q is not once", c.name, shows[c.name[0]])
		}
	}
	if said["not measured"] != 1 || bytes.Contains(text, []byte("NaN")) {
		t.Errorf("%d cells are not measured:\n%s", said["not measured"], text)
	}
}
