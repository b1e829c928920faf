package appliance

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"penstock/appliance/config"
	"penstock/appliance/shard"
	"penstock/segstore"
	"penstock/wire"
)

// quiet is a configuration that listens on free ports of the loopback only.
func quiet(t *testing.T) config.Config {
	t.Helper()
	c := config.Default()
	c.DataDir = filepath.Join(t.TempDir(), "data")
	c.HTTP, c.HTTPS, c.Admin = "127.0.0.1:0", config.Off, "127.0.0.1:0"
	c.Telnet, c.Graphite, c.Pickle = config.Off, config.Off, config.Off
	c.Kafka = "127.0.0.1:0"
	c.Shards, c.SegmentBytes = 2, 4<<20
	return c
}

// itsOwnBroom and itsOwnClock: fasthttp's goroutine that tidies idle workers looks whether it should end every ten seconds only, and
// the one that writes the Date header's text once a second is the process's.
var (
	itsOwnBroom = goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2")
	itsOwnClock = goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1")
)

func logTo(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }

func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(text)
}

// TestLife follows an appliance from Open to Close through what its admin listener says, and looks for what it leaves behind.
func TestLife(t *testing.T) {
	defer goleak.VerifyNone(t, itsOwnBroom, itsOwnClock)
	c := quiet(t)
	a, err := Open(c, logTo(t.Output()))
	if err != nil {
		t.Fatal(err)
	}
	at := a.Addresses()
	f := func(path string, wantStatus int, want string) {
		t.Helper()
		if status, body := get(t, "http://"+at.Admin+path); status != wantStatus || !strings.Contains(body, want) {
			t.Errorf("%s: %d %q, want %d and %q", path, status, body, wantStatus, want)
		}
	}
	f("/healthz", 200, "ok")
	f("/readyz", 503, "recovering")
	f("/version", 200, Release)

	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- a.Run(ctx) }()
	r, err := http.Post("http://"+at.HTTP+"/nowhere", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	f("/readyz", 200, "ok")
	if info, err := os.Stat(c.DataDir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the data directory: %v, %v; want 0700", info.Mode(), err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("a stop that was asked for: %v", err)
	}
	if err := a.ready(); err != errStopping {
		t.Errorf("ready after the stop: %v", err)
	}
	for _, address := range []string{at.HTTP, at.Kafka, at.Admin} {
		if conn, err := net.Dial("tcp", address); err == nil {
			conn.Close()
			t.Errorf("%s still listens", address)
		}
	}
	if _, running, err := Owner(c.DataDir); running || err != nil {
		t.Errorf("still locked (%v)", err)
	}
	if _, err := os.Stat(filepath.Join(c.DataDir, AddressesName)); !os.IsNotExist(err) {
		t.Errorf("the addresses stayed: %v", err)
	}
	if err := a.Close(); err != nil {
		t.Errorf("a second Close: %v", err)
	}
}

// What consumer groups have committed may be lost to a bad disk: senders, and those who read without a group, are served all the same.
func TestGroupsThatCantBeOpened(t *testing.T) {
	defer goleak.VerifyNone(t, itsOwnBroom, itsOwnClock)
	c := quiet(t)
	if err := os.MkdirAll(c.DataDir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(c.DataDir, "groups"), nil, 0o600); err != nil { // no directory
		t.Fatal(err)
	}
	var log bytes.Buffer
	a, err := Open(c, logTo(&log))
	if err != nil {
		t.Fatal(err)
	}
	if a.Addresses().Kafka == "" || !strings.Contains(log.String(), "consumer groups are not served") {
		t.Errorf("listening at %+v, the log says\n%s", a.Addresses(), &log)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
}

// TestOpenFails is the table of what stops a start. Each leaves the directory unlocked, nothing listening, and says why.
func TestOpenFails(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	write := func(c *config.Config, name, text string) {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(c.DataDir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(c.DataDir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		name  string
		spoil func(c *config.Config)
		want  string
	}{
		{"a CPU that is not there", func(c *config.Config) { c.PinWriters = []int{0, 4000} }, "pin-writers: this process may not use CPU 4000: choose from 0"},
		{"the data directory is a file", func(c *config.Config) { write(c, "x", ""); c.DataDir += "/x" }, "cannot make the data directory"},
		{"a damaged catalog", func(c *config.Config) { write(c, "catalog.json", "{") }, "catalog.json is damaged"},
		{"the kafka port is taken", func(c *config.Config) { c.Kafka = taken.Addr().String() }, "choose another address with --kafka"},
		{"the admin port is taken", func(c *config.Config) { c.Admin = taken.Addr().String() }, "address already in use"},
		{"the http port is taken", func(c *config.Config) { c.HTTP = taken.Addr().String() }, taken.Addr().String()},
		{"no certificate", func(c *config.Config) { c.HTTPS, c.TLSCert, c.TLSKey = "127.0.0.1:0", "no.pem", "no.key" }, "no.pem"},
		{"topics is a file", func(c *config.Config) { write(c, "topics", "") }, "cannot open the logs"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			defer goleak.VerifyNone(t, goleak.IgnoreCurrent(), itsOwnBroom, itsOwnClock)
			c := quiet(t)
			test.spoil(&c)
			a, err := Open(c, logTo(t.Output()))
			if err == nil {
				a.Close()
				t.Fatal("opened")
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
			if _, running, _ := Owner(c.DataDir); running {
				t.Error("still locked")
			}
		})
	}
}

// TestTopicsOfTheConfiguration: the file's topics section ends up in the catalog, and stays there when the section is gone.
func TestTopicsOfTheConfiguration(t *testing.T) {
	c := quiet(t)
	open := func(topics map[string]config.Topic) *Appliance {
		t.Helper()
		c.Topics = topics
		a, err := Open(c, logTo(t.Output()))
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		return a
	}
	want := wire.Columns{Time: "ts", Unit: wire.Seconds, Key: "sk"}
	for i, topics := range []map[string]config.Topic{{"cooltopic": {Columns: want}}, nil} {
		if got := open(topics).catalog.Columns([]byte("cooltopic")); got == nil || *got != want {
			t.Errorf("start %d: %+v, want %+v", i, got, want)
		}
	}
	if got := open(map[string]config.Topic{"cooltopic": {}}).catalog.Topics(); len(got) != 0 {
		t.Errorf("a topic without columns is still known: %v", got)
	}
}

// TestAppliancesThatListenLess are the ways to run without an intake or without an admin listener.
func TestAppliancesThatListenLess(t *testing.T) {
	tests := []struct {
		name        string
		less        func(c *config.Config)
		http, admin bool
	}{
		{"no listener role", func(c *config.Config) { c.Roles = []string{"data", "api"} }, false, true},
		{"http off", func(c *config.Config) { c.HTTP = config.Off }, false, true},
		{"admin off", func(c *config.Config) { c.Admin = config.Off }, true, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			defer goleak.VerifyNone(t, goleak.IgnoreCurrent(), itsOwnBroom, itsOwnClock)
			c := quiet(t)
			test.less(&c)
			a, err := Open(c, logTo(t.Output()))
			if err != nil {
				t.Fatal(err)
			}
			if at := a.Addresses(); (at.HTTP != "") != test.http || (at.Admin != "") != test.admin || at.HTTPS != "" {
				t.Errorf("listens on %+v", at)
			}
			if err := a.Reload(); err != nil {
				t.Errorf("nothing to reload: %v", err)
			}
			ctx, stop := context.WithCancel(context.Background())
			stop()
			if err := a.Run(ctx); err != nil {
				t.Error(err)
			}
		})
	}
}

// The two lines a metric's text may have, as Prometheus' exposition format says.
var (
	comment = regexp.MustCompile(`^# (?:HELP|TYPE) [a-z_]+ \S.*$`)
	sample  = regexp.MustCompile(`^([a-zA-Z_][a-zA-Z0-9_]*)(?:\{[a-zA-Z]+="(?:[^"\\\n]|\\.)*"(?:, ?[a-zA-Z]+="(?:[^"\\\n]|\\.)*")*\})? [0-9.e+-]+$`)
)

func TestMetrics(t *testing.T) {
	c := quiet(t)
	a, err := Open(c, logTo(t.Output()))
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if err := a.set.Load().CreateTopic("clicks", 2); err != nil {
		t.Fatal(err)
	}
	var page bytes.Buffer
	a.WriteMetrics(&page)
	text := page.String()
	typed := map[string]bool{}
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		line := lines.Text()
		if name, ok := strings.CutPrefix(line, "# TYPE "); ok {
			name, kind, _ := strings.Cut(name, " ")
			if typed[name] {
				t.Errorf("%s stands twice", name)
			}
			typed[name] = true
			if (kind == "counter") != strings.HasSuffix(name, "_total") {
				t.Errorf("%s is a %s", name, kind)
			}
		}
		if strings.HasPrefix(line, "#") {
			if !comment.MatchString(line) {
				t.Errorf("not a comment of the format: %q", line)
			}
			continue
		}
		at := sample.FindStringSubmatch(line)
		if at == nil {
			t.Errorf("not a sample: %q", line)
		} else if strings.HasPrefix(at[1], "penstock_") && !typed[at[1]] {
			t.Errorf("%s has no type", at[1])
		}
	}
	for _, want := range []string{
		`penstock_build_info{version="` + Release + `"`, "\npenstock_ready 0\n", "\ngo_memstats_mallocs_total ", "\nprocess_resident_memory_bytes ",
		"\n" + `penstock_requests_total{wire="interana"} 0` + "\n", "\n" + `penstock_writer_syncs_total{writer="1"} `,
		"\n" + `penstock_log_readable_offset{topic="clicks",shard="1"} 0` + "\n", "\n" + `penstock_connections_accepted_total{scheme="http",listener="0",address="127.0.0.1:`,
	} {
		if !strings.Contains("\n"+text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

// TestConfigKnowsTheParts holds config, which knows only names and numbers, to the parts they are for.
func TestConfigKnowsTheParts(t *testing.T) {
	for i, name := range config.Acks {
		if ack, ok := shard.ParseAck(name); !ok || ack != shard.Ack(i) {
			t.Errorf("policy %s is %v, %v; want number %d", name, ack, ok, i)
		}
	}
	if _, ok := shard.ParseAck(shard.Ack(len(config.Acks) - 1).String()); !ok {
		t.Error("the last policy")
	}
	if config.SegmentBytesMin != segstore.SegmentBytesMin || config.SegmentBytesMax != segstore.SegmentBytesMax {
		t.Errorf("a segment is %d to %d bytes in config, %d to %d in segstore",
			config.SegmentBytesMin, config.SegmentBytesMax, segstore.SegmentBytesMin, segstore.SegmentBytesMax)
	}
	if largest := int64(config.MessageOverhead); largest < wire.TopicMax+segstore.RecordOverhead {
		t.Errorf("a message's overhead of %d does not cover a topic's name and a record's frame", largest)
	}
	for _, s := range config.Settings() {
		if s.Name == "shards" {
			c := config.Default()
			if err := s.Value(&c).Set("1024"); err != nil || shard.ShardsMax != 1024 {
				t.Errorf("the most shards: %v in config, %d in shard", err, shard.ShardsMax)
			}
		}
	}
}
