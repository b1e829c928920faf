package e2e

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The Interana document's own samples, its typos corrected (the host, `echo` and `base64`), sent by curl over https and found again as they
// were sent: with the time and the shard key of their table when there is one, with the time of arrival and no key when there is none.
func TestTheSeedsOwnSamples(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Fatal("this test is curl's: install it")
	}
	s := start(t, t.TempDir())
	penstock := filepath.Join(built, "penstock")
	create := exec.Command(penstock, "topic", "create", "tabled", "--time-column", "ts", "--time-format", "milliseconds", "--shard-key", "sk",
		"--admin", "http://"+s.Admin)
	if out, err := create.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	const event = `{"ts":1474921202000, "sk" : "a truly awesome message" , "wow": 1}`
	for _, topic := range []string{"cooltopic", "tabled"} {
		for _, script := range []string{
			`curl -H "Content-Type: application/text" -H "topic: $TOPIC" -X GET "https://$LISTENER/add_events?ia_data=$(echo "$EVENT" | base64 -w 0)" -k`,
			// base64 wraps its lines where it is not told not to; today's curl takes no line feed in a URL, but passes it on escaped
			`curl -H "Content-Type: application/text" -H "topic: $TOPIC" -G --data-urlencode "ia_data=$(echo "$EVENT" | base64)" "https://$LISTENER/add_events" -k`,
			`curl -H "Content-Type: application/text" -H "topic: $TOPIC" -X POST -d "$EVENT" "https://$LISTENER/add_events" -k`,
		} {
			curl := exec.Command("sh", "-c", strings.Replace(script, "curl ", `curl -sS -o /dev/null -w "%{http_code}" `, 1))
			curl.Env = append(curl.Environ(), "TOPIC="+topic, "EVENT="+event, "LISTENER="+s.HTTPS)
			if out, err := curl.CombinedOutput(); err != nil || string(out) != "202" {
				t.Fatalf("%s\n%v, answered %s", script, err, out)
			}
		}
		lines := s.tail(topic)
		if len(lines) != 3 {
			t.Fatalf("%d records of 3: %q", len(lines), lines)
		}
		for _, line := range lines {
			var record struct {
				Time  int64
				Key   *string
				Value json.RawMessage
			}
			if err := json.Unmarshal([]byte(line), &record); err != nil || string(record.Value) != event {
				t.Fatalf("%v, read back: %s", err, line)
			}
			hasTable := topic == "tabled"
			if hasTable != (record.Time == 1474921202000) || hasTable != (record.Key != nil && *record.Key == "a truly awesome message") {
				t.Errorf("a table: %v; read back %s", hasTable, line)
			}
		}
	}
}

// Both listeners of a machine with two cores get connections, and the metric shows it.
func TestEveryListenerGetsConnections(t *testing.T) {
	s := start(t, t.TempDir(), "--listeners", "2", "--pin-writers", "0")
	newPump(t, s.HTTP, addEvents("t", []byte(`{"a":1}`)), 64).send(10, 1)
	_, metrics := s.get("/metrics")
	got := 0
	for line := range strings.Lines(metrics) {
		if strings.HasPrefix(line, "penstock_connections_accepted_total{") && strings.Contains(line, `"http"`) && !strings.HasSuffix(line, " 0\n") {
			t.Log(strings.TrimSpace(line))
			got++
		}
	}
	if got != 2 {
		t.Errorf("%d of 2 listeners got connections", got)
	}
}
