package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// telnetPoint is the point that a put makes. Its type is by the value's spelling: with a dot it is a double.
func telnetPoint(t testing.TB, metric, value string, tags object) point {
	t.Helper()
	kind := "long"
	if strings.Contains(value, ".") {
		kind = "double"
	}
	return point{series(t, "kairosdb", metric, tags, object{"type": kind}), 0, number(value)}
}

// wantPointsNow wants these points, whatever their times say, and times between since and now: whole seconds, to the nearest.
func (s *server) wantPointsNow(since time.Time, want []point) {
	s.t.Helper()
	got := await(s.points, len(want))
	first, last := since.Truncate(time.Second).UnixMilli(), time.Now().Add(time.Second).UnixMilli()
	for i := range got {
		if at := got[i].time; at%1000 != 0 || at < first || at > last {
			s.t.Errorf("sent after %v: %v", since, got[i])
		}
		got[i].time = 0
	}
	sameTexts(s.t, texts(got), texts(want))
	s.wantRejected()
}

// statsd with its KairosDB backend, which passes on each packet at once.
func TestClientStatsdKairosDBBackend(t *testing.T) {
	node := installed(t, "node", "nodejs")
	statsd, backend := npmPackage(t, "statsd"), npmPackage(t, "statsd-kairosdb-backend")
	s := start(t, t.TempDir(), "--telnet", "127.0.0.1:0")
	listen := freePort(t)
	config := writeFile(t, "config.js", fmt.Sprintf(`{
		address: "127.0.0.1", port: %s, mgmt_address: "127.0.0.1", mgmt_port: %s,
		backends: [%q], kairosdb: {host: "127.0.0.1", port: %s}, flushInterval: 1000,
	}`, listen, freePort(t), backend, port(t, s.door("telnet"))))
	c := startClient(t, "", node, filepath.Join(statsd, "stats.js"), config)
	c.ready(func() bool { return strings.Contains(c.out.String(), "[KairosDB] Connected to") })

	began := time.Now()
	conn := dial(t, "udp", listen)
	defer conn.Close()
	for _, packet := range []string{
		"page.hits:1|c\npage.time:320.25|ms|@0.5\nqueue depth/eu:7|g",
		"temperature:-3.5|c",
		"many:1|c:2|c:9007199254740991|c",
	} {
		if _, err := conn.Write([]byte(packet)); err != nil {
			t.Fatal(err)
		}
	}
	tags := object{"client": "127.0.0.1", "source": "statsd"}
	var want []point
	for _, p := range [][2]string{
		{"page.hits", "1"}, {"page.time", "320.25"}, {"queue_depth-eu", "7"}, {"temperature", "-3.5"}, {"many", "1"}, {"many", "2"}, {"many", "9007199254740991"},
	} {
		want = append(want, telnetPoint(t, p[0], p[1], tags))
	}
	s.wantPointsNow(began, want)
	c.stop()
}

// go-metrics' OpenTSDB reporter: one of each of its metrics.
func TestClientGoMetricsOpenTSDB(t *testing.T) {
	program := goClient(t, "gometrics")
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	host, _, _ = strings.Cut(host, ".")
	s := start(t, t.TempDir(), "--telnet", "127.0.0.1:0")
	began := time.Now()
	runClient(t, program, s.door("telnet"))
	var want []point
	for name, value := range map[string]string{
		"requests.count": "9007199254740993",
		"depth.value":    "-17",
		"load.value":     "0.375000",

		"sizes.count": "4", "sizes.min": "1", "sizes.max": "10", "sizes.mean": "4.00", "sizes.std-dev": "3.54",
		"sizes.50-percentile": "2.50", "sizes.75-percentile": "8.25", "sizes.95-percentile": "10.00", "sizes.99-percentile": "10.00",
		"sizes.999-percentile": "10.00",

		"hits.count": "4", "hits.one-minute": "1.25", "hits.five-minute": "5.50", "hits.fifteen-minute": "15.75", "hits.mean": "2.00",

		"latency.count": "2", "latency.min": "20", "latency.max": "40", "latency.mean": "30.00", "latency.std-dev": "10.00",
		"latency.50-percentile": "30.00", "latency.75-percentile": "40.00", "latency.95-percentile": "40.00", "latency.99-percentile": "40.00",
		"latency.999-percentile": "40.00", "latency.one-minute": "0.00", "latency.five-minute": "0.00", "latency.fifteen-minute": "0.00",
		"latency.mean-rate": "0.00",
	} {
		want = append(want, telnetPoint(t, "penstock.e2e."+name, value, object{"host": host}))
	}
	s.wantPointsNow(began, want)
}
