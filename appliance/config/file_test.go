package config

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestFileErrors is the table of what can be wrong with a configuration file. Each error has the file and the line, and says
// what to write instead; of several, every one is told.
func TestFileErrors(t *testing.T) {
	tests := []struct {
		name, file string
		want       []string // the errors, one a line, without the file's name
	}{
		{"typo", "http: off\n\nretenton: 24h\n", []string{"line 3: unknown key retenton; did you mean retention?"}},
		{"letters swapped", "shrads: 2", []string{"line 1: unknown key shrads; did you mean shards?"}},
		{"typo with underscores", "data_dri: x", []string{"line 1: unknown key data_dri; did you mean data-dir?"}},
		{"nothing near", "colour: red", []string{"line 1: unknown key colour"}},
		{"twice", "http: off\nadmin: off\nhttp: off\n", []string{"line 3: key http stands already on line 1; keep one"}},
		{"twice, spelt differently", "data-dir: a\ndata_dir: b\n", []string{"line 2: key data_dir stands already on line 1; keep one"}},
		{"not a size", "segment-bytes: big", []string{`line 1: segment-bytes: "big" is not a size: write a number of bytes, as 4194304, or with a unit, as 4MiB`}},
		{"not a duration", "retention: 24", []string{`line 1: retention: "24" is not a duration: write a number with its unit, as 30s, 24h or 1d`}},
		{"not a choice", "ack: disc", []string{`line 1: ack: "disc" is not one of disk, log, ring`}},
		{"not an address", "http: 8080", []string{`line 1: http: "8080" is not an address: write host:port, as 127.0.0.1:8080, or off`}},
		{"port too large", "http: localhost:65536", []string{`line 1: http: "localhost:65536" has no port between 0 and 65535: write host:port, as 127.0.0.1:8080, or off`}},
		{"not a number", "shards: two", []string{`line 1: shards: "two" is not a whole number`}},
		{"number too large", "shards: 1025", []string{`line 1: shards: 1025 is outside 0 to 1024`}},
		{"not a role", "roles: [listener, barista]", []string{`line 1: roles: "barista" is not one of listener, config, api, import, data, string`}},
		{"not a CPU", "pin-writers: [0, -1]", []string{`line 1: pin-writers: "-1" is not a CPU's number: write numbers from 0 with commas between, as 0,1`}},
		{"twice in a list", "pin-writers: 0,0", []string{`line 1: pin-writers: "0" stands twice in the list`}},
		{"hole in a list", "roles: listener,,data", []string{"line 1: roles: an item of the list is empty: write items with one comma between"}},
		{"no value", "http:\nadmin: off", []string{"line 1: http has no value; give one, or leave the key out"}},
		{"a list where one value is due", "http:\n  - off", []string{"line 2: http takes one value"}},
		{"a mapping where one value is due", "http: {address: off}", []string{"line 1: http takes one value"}},
		{"a list", "- http", []string{"line 1: expected settings, as data-dir: DIR"}},
		{"a word", "penstock", []string{"line 1: expected settings, as data-dir: DIR"}},
		{"two documents", "http: off\n---\nadmin: off\n", []string{"line 2: a second document begins; keep one"}},
		{"not YAML", "http: off\n\tadmin: off\n", []string{"line 2: not YAML: found a tab character that violates indentation"}},
		{"merge", "a: &a {http: off}\n<<: *a\n", []string{"line 1: unknown key a", "line 2: a key must be a name"}},
		{"several at once", "htp: off\nack: no\nhttp: x\n", []string{
			"line 1: unknown key htp; did you mean http?", `line 2: ack: "no" is not one of disk, log, ring`,
			`line 3: http: "x" is not an address: write host:port, as 127.0.0.1:8080, or off`}},

		{"topics: a list", "topics: [cooltopic]", []string{"line 1: topics: expected topics' names, as cooltopic: {time_column: ts}"}},
		{"topics: bad name", "topics:\n  ../etc: {}\n", []string{`line 2: topics: "../etc" is not a topic: the topic's name must be 1 to 249 of a-z A-Z 0-9 . _ - and not '.' or '..'`}},
		{"topics: twice", "topics:\n  t: {}\n  t: {}\n", []string{"line 3: topics: t stands already on line 2; keep one"}},
		{"topics: a word", "topics:\n  t: ts\n", []string{"line 2: expected what is known of topic t, as {time_column: ts, shard_key: sk}"}},
		{"topics: unknown key", "topics:\n  t:\n    time_colum: ts\n", []string{"line 3: unknown key time_colum; did you mean time_column?"}},
		{"topics: bad unit", "topics:\n  t: {time_column: ts, time_format: hours}", []string{`line 2: t.time_format: "hours" is not one of milliseconds, seconds, microseconds`}},
		{"topics: format alone", "topics:\n  t: {time_format: seconds}", []string{"line 2: topic t has a time_format and no time_column; name the column, or leave the format out"}},
		{"topics: no value", "topics:\n  t: {time_column: }", []string{"line 2: t.time_column has no value; give one, or leave the key out"}},
		{"topics: empty", "topics:\n  t: {shard_key: ' '}", []string{"line 2: t.shard_key is empty; give a name, or leave the key out"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := writeConfig(t, test.file)
			_, err := Load(Sources{File: path})
			if err == nil {
				t.Fatal("accepted")
			}
			for i := range test.want {
				test.want[i] = path + ": " + test.want[i]
			}
			if got := strings.Split(err.Error(), "\n"); !reflect.DeepEqual(got, test.want) {
				t.Errorf("got\n%s\nwant\n%s", err, strings.Join(test.want, "\n"))
			}
		})
	}
}

// TestFileReads is the table of what is taken, although one might doubt it.
func TestFileReads(t *testing.T) {
	tests := []struct{ name, file, setting, want string }{
		{"empty", "", "shards", "0"},
		{"only comments", "# a\n# b\n", "shards", "0"},
		{"nothing", "---\n", "shards", "0"},
		{"off is a word", "http: off", "http", "off"},
		{"quoted", `http: "off"`, "http", "off"},
		{"a sequence", "roles: [listener, data]", "roles", "listener,data"},
		{"a sequence of numbers", "pin-writers:\n- 1\n- 0\n", "pin-writers", "1,0"},
		{"an empty sequence", "pin-writers: []", "pin-writers", ""},
		{"an alias", "http: &h 127.0.0.1:1\nhttps: *h\nadmin: off", "https", "127.0.0.1:1"},
		{"IPv6", "http: '[::1]:8080'", "http", "[::1]:8080"},
		{"every address", "http: :80", "http", ":80"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			e := &Effective{Config: Default(), origins: map[string]Origin{}}
			if err := e.readFile("f", []byte(test.file)); err != nil {
				t.Fatal(err)
			}
			if got := find(test.setting).Value(&e.Config).String(); got != test.want {
				t.Errorf("%s is %q, want %q", test.setting, got, test.want)
			}
		})
	}
}

// TestPrintReadsBack: what `config print` shows is a configuration file that says the same.
func TestPrintReadsBack(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		s := Sources{File: filepath.Join(dir, "in.yaml"), Flags: map[string]string{}}
		file := "topics: {t: {time_column: 'off', shard_key: '#'}, '1.5': {shard_key: \"\\\"\"}}\nmax_topics: 12\n"
		if err := os.WriteFile(s.File, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		s.Flags["data-dir"] = "d" + rapid.String().Draw(t, "data-dir")
		cert := rapid.StringMatching(`[-:#'"{}\[\] a-z0-9&*!|>%@,?\t]{0,12}`).Draw(t, "cert")
		s.Flags["tls-cert"], s.Flags["tls-key"] = cert, cert
		s.Flags["pin-writers"] = rapid.SampledFrom([]string{"", "0", "1,0"}).Draw(t, "pin-writers")
		before, err := Load(s)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := before.Print(&out); err != nil {
			t.Fatal(err)
		}
		printed := filepath.Join(dir, "out.yaml")
		if err := os.WriteFile(printed, out.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		after, err := Load(Sources{File: printed})
		if err != nil {
			t.Fatalf("%v\nin\n%s", err, out.String())
		}
		for topic, was := range before.Config.Topics { // lines differ, of course
			is := after.Config.Topics[topic]
			is.Line = was.Line
			after.Config.Topics[topic] = is
		}
		if !reflect.DeepEqual(before.Config, after.Config) {
			t.Fatalf("%+v\nis printed as\n%s\nand read as\n%+v", before.Config, out.String(), after.Config)
		}
	})
}

func TestPrintNamesOrigins(t *testing.T) {
	path := writeConfig(t, "shards: 2\ntopics: {t: {shard_key: sk}}\n")
	e, err := Load(Sources{File: path, Environ: []string{"PENSTOCK_ACK=log"}, Flags: map[string]string{"http": "off"}})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := e.Print(&out); err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(out.String()), " ")
	for _, want := range []string{
		"shards: 2 # " + path + " line 1", "ack: log # environment PENSTOCK_ACK", "http: off # flag --http",
		"retention: 24h # default", "segment-bytes: 256MiB # default", `tls-cert: "" # default`, "t: {shard_key: sk} # " + path + " line 2",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}
