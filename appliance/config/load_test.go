package config

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"penstock/wire"
)

func writeConfig(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "penstock.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestPrecedence gives each combination of the four places; the strongest that speaks wins, and is named.
func TestPrecedence(t *testing.T) {
	for given := range 8 {
		inFile, inEnv, inFlag := given&1 != 0, given&2 != 0, given&4 != 0
		s := Sources{Flags: map[string]string{}, Environ: []string{"PATH=/bin"}}
		want, from := 24*time.Hour, "default"
		text := "# nothing\nhttp: off\n"
		if inFile {
			text += "retention: 1h\n"
			want, from = time.Hour, "line 3"
		}
		s.File = writeConfig(t, text)
		if inEnv {
			s.Environ = append(s.Environ, "PENSTOCK_RETENTION=2h")
			want, from = 2*time.Hour, "environment PENSTOCK_RETENTION"
		}
		if inFlag {
			s.Flags["retention"] = "3h"
			want, from = 3*time.Hour, "flag --retention"
		}
		e, err := Load(s)
		if err != nil {
			t.Fatal(err)
		}
		if got := e.Config.Retention; got != want {
			t.Errorf("file %v, environment %v, flag %v: %v, want %v", inFile, inEnv, inFlag, got, want)
		}
		if got := e.Origin("retention").String(); !strings.HasSuffix(got, from) {
			t.Errorf("file %v, environment %v, flag %v: from %q, want %q", inFile, inEnv, inFlag, got, from)
		}
		if e.Config.HTTP != Off {
			t.Errorf("http: %q", e.Config.HTTP)
		}
	}
}

func TestDefaultsAreTheContracts(t *testing.T) {
	e, err := Load(Sources{})
	if err != nil {
		t.Fatal(err)
	}
	c := e.Config
	want := Config{
		DataDir: "penstock-data", Roles: Roles,
		HTTP: "127.0.0.1:8080", HTTPS: "127.0.0.1:8443", Telnet: "127.0.0.1:4242", Graphite: "127.0.0.1:2003",
		Pickle: "127.0.0.1:2004", Kafka: "127.0.0.1:9092", KafkaTLS: "off", Admin: "127.0.0.1:9600",
		Ack: "disk", SegmentBytes: 256 << 20, Compression: "none", Log: "local",
		Retention: 24 * time.Hour, MaxTopics: 1000, RejectedBytes: 64 << 20, DedupMemory: 64 << 20, DedupWindow: 24 * time.Hour,
		StreamIdleTimeout: 5 * time.Minute, TelnetMaxLine: 1024, TelnetFeedback: "off", GraphiteTags: "host", GraphiteMaxLine: 4096, PickleMaxFrame: 1 << 20,
		Steer: "off", MaxBodyBytes: 1 << 20, MaxConnections: 16384,
		HeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute,
		ShutdownTimeout: 30 * time.Second, LogLevel: "info", LogFormat: "auto",
	}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("the defaults are\n%+v\nwant\n%+v", c, want)
	}
	if !reflect.DeepEqual(c, Default()) {
		t.Error("Default and an empty Load differ")
	}
}

// TestEverySettingHasItsOwnPlace sets each setting by each of its three names, and looks whether that one alone has changed.
func TestEverySettingHasItsOwnPlace(t *testing.T) {
	other := map[string]string{
		"data-dir": "/srv/x", "ack": "log", "shards": "3", "segment-bytes": "64MiB", "compression": "lz4", "retention": "36h", "retention-bytes": "1GiB",
		"min-free-bytes": "2GiB", "rejected-bytes": "2MiB", "dedup-memory": "2MiB", "dedup-window": "6h", "segment-secret-file": "s.txt", "telnet-max-line": "2KiB", "telnet-feedback": "on", "kafka-tls": "on", "graphite-tags": "none",
		"graphite-max-line": "2KiB", "pickle-max-frame": "2MiB", "stream-idle-timeout": "15s", "max-topics": "7", "ring-bytes": "32MiB", "pin-writers": "0,1", "log": "", "admin-hosts": "a.example,b.example",
		"tls-cert": "c.pem", "tls-key": "k.pem", "listeners": "2", "steer": "cpu", "max-body-bytes": "2MiB", "max-connections": "9", "max-conns-per-ip": "4",
		"header-timeout": "1s", "read-timeout": "11s", "write-timeout": "12s", "idle-timeout": "13s", "roles": "listener,data",
		"shutdown-timeout": "14s", "log-level": "debug", "log-format": "json",
	}
	for _, s := range Settings() {
		text, known := other[s.Name]
		if !known {
			text = "127.0.0.1:1" // a listener
		}
		for _, place := range []string{"flag", "environment", "file", "file with underscores"} {
			e := &Effective{Config: Default(), origins: map[string]Origin{}}
			var err error
			switch place {
			case "flag":
				err = e.set(&s, text, Origin{Kind: FromFlag})
			case "environment":
				if want := "PENSTOCK_" + strings.ToUpper(strings.ReplaceAll(s.Name, "-", "_")); s.Env() != want {
					t.Errorf("%s is %s in the environment, want %s", s.Name, s.Env(), want)
				}
				err = e.set(&s, text, Origin{Kind: FromEnvironment})
			case "file":
				err = e.readFile("f", []byte(s.Name+": "+`"`+text+`"`))
			case "file with underscores":
				err = e.readFile("f", []byte(strings.ReplaceAll(s.Name, "-", "_")+": "+`"`+text+`"`))
			}
			if err != nil {
				t.Errorf("%s as a %s: %v", s.Name, place, err)
				continue
			}
			before := Default()
			for _, o := range Settings() {
				was, is := o.Value(&before).String(), o.Value(&e.Config).String()
				if o.Name == s.Name && is != text {
					t.Errorf("%s as a %s is %q, want %q", s.Name, place, is, text)
				}
				if o.Name != s.Name && is != was {
					t.Errorf("setting %s changed %s", s.Name, o.Name)
				}
			}
		}
	}
}

func TestConfigFileFromTheEnvironment(t *testing.T) {
	path := writeConfig(t, "shards: 5\n")
	e, err := Load(Sources{Environ: []string{"PENSTOCK_CONFIG=" + path}})
	if err != nil || e.Config.Shards != 5 || e.File != path {
		t.Errorf("%+v, %v", e, err)
	}
	if len(e.Warnings) != 0 {
		t.Errorf("warnings: %v", e.Warnings)
	}
	if _, err := Load(Sources{File: path + ".not"}); err == nil || !strings.Contains(err.Error(), path+".not") {
		t.Errorf("a file that is not there: %v", err)
	}
}

// TestAdminURL: one PENSTOCK_ADMIN is enough for `serve`, which listens there, and for the commands that call it.
func TestAdminURL(t *testing.T) {
	for text, want := range map[string]string{
		"http://127.0.0.1:9700":  "127.0.0.1:9700",
		"http://127.0.0.1:9700/": "127.0.0.1:9700",
		"127.0.0.1:9700":         "127.0.0.1:9700",
		"off":                    "off",
		"https://127.0.0.1:9700": "",
		"http://127.0.0.1":       "",
	} {
		e, err := Load(Sources{Environ: []string{"PENSTOCK_ADMIN=" + text}})
		if want == "" {
			if err == nil || !strings.HasPrefix(err.Error(), "environment PENSTOCK_ADMIN: ") {
				t.Errorf("%s: %v", text, err)
			}
			continue
		}
		if err != nil || e.Config.Admin != want {
			t.Errorf("%s: %v, %v", text, e, err)
		}
	}
	if _, err := Load(Sources{Environ: []string{"PENSTOCK_HTTP=http://127.0.0.1:1"}}); err == nil {
		t.Error("only admin takes a URL")
	}
}

func TestWarnings(t *testing.T) {
	e, err := Load(Sources{
		Environ: []string{"PENSTOCK_RETENTON=1h", "PENSTOCK_XYZ=1", "PENSTOCK_SHARDS="},
		Flags:   map[string]string{"ack": "ring"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"the environment's PENSTOCK_RETENTON is not a setting and changes nothing; did you mean PENSTOCK_RETENTION?",
		"the environment's PENSTOCK_XYZ is not a setting and changes nothing",
		"ack: ring acknowledges what is only in memory: a crash loses it; it is meant for load tests",
	}
	if !reflect.DeepEqual(e.Warnings, want) {
		t.Errorf("%q, want %q", e.Warnings, want)
	}
}

func TestTopics(t *testing.T) {
	e, err := Load(Sources{File: writeConfig(t, `
topics:
  cooltopic: {time_column: ts, time_format: milliseconds, shard_key: sk}
  seconds: {time-column: t, time-format: seconds}
  keyed:
    shard_key: "123"
  nothing: {}
`)})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]Topic{
		"cooltopic": {Columns: wire.Columns{Time: "ts", Key: "sk"}, Line: 3},
		"seconds":   {Columns: wire.Columns{Time: "t", Unit: wire.Seconds}, Line: 4},
		"keyed":     {Columns: wire.Columns{Key: "123"}, Line: 5},
		"nothing":   {Line: 7},
	}
	if !reflect.DeepEqual(e.Config.Topics, want) {
		t.Errorf("%+v, want %+v", e.Config.Topics, want)
	}
}
