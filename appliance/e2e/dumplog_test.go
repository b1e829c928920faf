package e2e

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// dumped is a record as Kafka's dump of a segment prints it.
type dumped struct {
	log     string // the directory of its segment
	offset  int64
	key     string // null, or its text between quotes
	headers string // their keys
	value   string
}

func (d dumped) String() string {
	return fmt.Sprintf("%s %d key %s headers [%s] %d bytes %.100s", d.log, d.offset, d.key, d.headers, len(d.value), d.value)
}

var (
	dumpedBatch  = regexp.MustCompile(`^baseOffset: \d+ .* magic: 2 .* isvalid: true$`)
	dumpedRecord = regexp.MustCompile(`^\| offset: (\d+) CreateTime: -?\d+ keySize: (-?\d+) valueSize: (\d+) sequence: -?\d+ headerKeys: \[([^]]*)\] (.*)$`)
)

// dumpLog prints segments with the distribution's own tool, and wants no complaint, and nothing printed that is not understood. It returns
// the records in the order in which they were printed.
func dumpLog(t *testing.T, segments []string) (all []dumped) {
	t.Helper()
	out, errs := kafkaTool(t, "org.apache.kafka.tools.DumpLogSegments", "--print-data-log", "--deep-iteration", "--files", strings.Join(segments, ","))
	for _, path := range segments {
		// what it says of every segment that is not a topic's first
		name := strings.TrimLeft(strings.TrimSuffix(filepath.Base(path), ".log"), "0")
		errs = strings.Replace(errs, "Non-consecutive offsets in "+path+"\n  -1 is followed by "+name+"\n", "", 1)
	}
	if errs != "" {
		t.Errorf("the dump complains:\n%s", errs)
	}
	var segment string
	batches := 0
	for text := range strings.Lines(out) {
		text = strings.TrimSuffix(text, "\n")
		switch m := dumpedRecord.FindStringSubmatch(text); {
		case m != nil:
			all = append(all, readDumped(t, filepath.Base(filepath.Dir(segment)), m))
		case dumpedBatch.MatchString(text):
			batches++
		case strings.HasPrefix(text, "Dumping "):
			segment = strings.TrimPrefix(text, "Dumping ")
		case !strings.HasPrefix(text, "Log starting offset: "):
			t.Errorf("%s: %.300s", segment, text)
		}
	}
	t.Logf("%d segments, %d batches, %d records", len(segments), batches, len(all))
	return all
}

// readDumped reads what dumpedRecord matched. The lengths that are printed say where a key ends.
func readDumped(t *testing.T, log string, m []string) dumped {
	t.Helper()
	d := dumped{log: log, key: "null", headers: m[4]}
	rest := m[5]
	var err error
	if d.offset, err = strconv.ParseInt(m[1], 10, 64); err != nil {
		t.Fatal(err)
	}
	if length, err := strconv.Atoi(m[2]); err != nil {
		t.Fatal(err)
	} else if length >= 0 {
		const name = "key: "
		if !strings.HasPrefix(rest, name) || len(rest) < len(name)+length+1 {
			t.Fatalf("a key of %d bytes is not in %.300s", length, rest)
		}
		d.key, rest = strconv.Quote(rest[len(name):][:length]), rest[len(name)+length+1:]
	}
	value, ok := strings.CutPrefix(rest, "payload: ")
	if d.value = value; !ok || strconv.Itoa(len(value)) != m[3] {
		t.Fatalf("a value of %s bytes is not in %.300s", m[3], rest)
	}
	return d
}

// dumpedWrites sends to a server what its segments are to be dumped with.
type dumpedWrites struct {
	*server
	random *rand.Rand
	wrote  []dumped
}

// keep posts events of one key and notes where the answer says they are.
func (w *dumpedWrites) keep(path, topic, key, ids string, events []string, body string, headers ...string) {
	w.t.Helper()
	request, err := http.NewRequest(http.MethodPost, "http://"+w.HTTP+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	request.Header.Set("topic", topic)
	request.Header.Set("Penstock-Ack", "disk") // to be told where they are
	for pair := range slices.Chunk(headers, 2) {
		request.Header.Set(pair[0], pair[1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		w.t.Fatal(err)
	}
	response.Body.Close()
	log, offsets, _ := strings.Cut(response.Header.Get("Penstock-Position"), "@")
	var first, last int64
	if _, err := fmt.Sscanf(offsets, "%d-%d", &first, &last); err != nil || last-first+1 != int64(len(events)) {
		w.t.Fatalf("%s: %d events are at %q", response.Status, len(events), response.Header.Get("Penstock-Position"))
	}
	for i, event := range events {
		w.wrote = append(w.wrote, dumped{strings.Replace(log, "/", "-", 1), first + int64(i), key, ids, event})
	}
}

// some sends a request of each kind: with keys, with IDs and without, on two wires; large events, small ones and empty ones.
func (w *dumpedWrites) some() {
	w.t.Helper()
	keys := []string{"", "a key: with payload: in it", "schlüssel 鍵 🔑", fmt.Sprint("u", w.random.IntN(9)), strings.Repeat("k", 300)}
	key := keys[w.random.IntN(len(keys))]
	var keyed, plain, segment []string
	for range 1 + w.random.IntN(20) {
		fill := strings.Repeat("x", w.random.IntN(500))
		keyed = append(keyed, fmt.Sprintf(`{"sk":%q,"fill":"%s"}`, key, fill))
		plain = append(plain, []string{"{}", fmt.Sprintf(`{"n":%d,"text":"wert 値 💾%s"}`, w.random.IntN(1e6), fill)}[w.random.IntN(2)])
		segment = append(segment, fmt.Sprintf(`{"type":"track","userId":"u","event":"%s","messageId":"m-%d"}`, fill, w.random.Uint64()))
	}
	w.keep("/add_events", "keyed", strconv.Quote(key), "", keyed, strings.Join(keyed, "\n"))
	w.keep("/add_events", "plain", "null", "", plain, strings.Join(plain, "\n"))
	w.keep("/add_events", "plain", "null", "penstock-id", plain, strings.Join(plain, "\n"), "Idempotency-Key", fmt.Sprint(w.random.Uint64()))
	w.keep("/v1/batch", "segment", "null", "penstock-id", segment, `{"batch":[`+strings.Join(segment, ",")+`]}`)
	large := fmt.Sprintf(`{"fill":"%s"}`, strings.Repeat("y", w.random.IntN(60_000)))
	w.keep("/add_events", "plain", "null", "", []string{large}, large)
}

// Kafka's own dump prints every segment without a complaint, with each record at its offset, killed and recovered in between or not; and a
// broker would take the indexes by offset as they are.
func TestClientKafkaDumpLog(t *testing.T) {
	const seed = 20261126
	t.Logf("seed %d", seed)
	s := start(t, t.TempDir(), "--shards", "2", "--segment-bytes", "256KiB", "--max-body-bytes", "100KiB")
	if status, body := s.createTopic(`{"name":"keyed","shards":3,"shard_key":"sk"}`); status != http.StatusCreated {
		t.Fatal(status, body)
	}
	w := &dumpedWrites{server: s, random: rand.New(rand.NewPCG(seed, 0))}
	for i := range 120 {
		if i == 50 {
			s.kill()
			s.start()
		}
		w.some()
	}
	s.stop()
	segments, err := filepath.Glob(filepath.Join(s.dir, "topics", "*", "*.log"))
	if err != nil {
		t.Fatal(err)
	}
	byPlace := func(a, b dumped) int { return cmp.Or(strings.Compare(a.log, b.log), cmp.Compare(a.offset, b.offset)) }
	slices.SortFunc(w.wrote, byPlace)
	got := dumpLog(t, segments)
	if !slices.IsSortedFunc(got, byPlace) {
		t.Error("the records are not in order")
	}
	sameTexts(t, texts(got), texts(w.wrote))
	if !slices.Equal(got, w.wrote) {
		t.Error("a long value is not the one that was written")
	}

	indexes, err := filepath.Glob(filepath.Join(s.dir, "topics", "*", "*.index"))
	if err != nil || len(indexes) != len(segments) || len(segments) < 12 {
		t.Fatalf("%d segments, %d indexes, %v", len(segments), len(indexes), err)
	}
	said, errs := kafkaTool(t, "org.apache.kafka.tools.DumpLogSegments", "--index-sanity-check", "--files", strings.Join(indexes, ","))
	var want strings.Builder
	for _, path := range indexes {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		verdict := "passed sanity check"
		if info.Size() == 0 {
			verdict = "is empty" // of a segment too short for an entry
		}
		fmt.Fprintf(&want, "Dumping %s\n%s %s.\n", path, path, verdict)
	}
	if said != want.String() || errs != "" {
		t.Errorf("the broker's check of the indexes says:\n%s%s", said, errs)
	}
}
