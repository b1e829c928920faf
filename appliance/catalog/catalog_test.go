package catalog

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"penstock/wire"
)

func open(t testing.TB, path string) *Catalog {
	t.Helper()
	c, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func state(c *Catalog) map[string]wire.Columns {
	s := map[string]wire.Columns{}
	for _, topic := range c.Topics() {
		s[topic] = *c.Columns([]byte(topic))
	}
	return s
}

func TestCatalogIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "catalog.json")
	c := open(t, path)
	if got := c.Columns([]byte("cooltopic")); got != nil {
		t.Fatalf("a new catalog knows %+v", got)
	}
	want := wire.Columns{Time: "ts", Unit: wire.Seconds, Key: "sk"}
	if err := c.SetColumns("cooltopic", &want); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]*Catalog{"same": c, "reopened": open(t, path)} {
		if got := c.Columns([]byte("cooltopic")); got == nil || *got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
		if got := c.Topics(); !slices.Equal(got, []string{"cooltopic"}) {
			t.Errorf("%s: topics %v", name, got)
		}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const golden = `{
  "version": 1,
  "topics": {
    "cooltopic": {
      "time_column": "ts",
      "time_format": "seconds",
      "shard_key": "sk"
    }
  }
}
`
	if string(data) != golden {
		t.Errorf("the file is\n%s\nwant\n%s", data, golden)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v; want 0600", info.Mode(), err)
	}
	if err := c.SetColumns("cooltopic", nil); err != nil {
		t.Fatal(err)
	}
	if got := open(t, path).Topics(); len(got) != 0 {
		t.Errorf("forgotten, and still there: %v", got)
	}
}

// TestCatalogOwnsItsColumns: what the caller does to its Columns afterwards is the caller's business.
func TestCatalogOwnsItsColumns(t *testing.T) {
	c := open(t, filepath.Join(t.TempDir(), "catalog.json"))
	mine := wire.Columns{Key: "sk"}
	if err := c.SetColumns("t", &mine); err != nil {
		t.Fatal(err)
	}
	mine.Key = "changed"
	if got := c.Columns([]byte("t")).Key; got != "sk" {
		t.Errorf("key %q", got)
	}
}

func TestCatalogRefusesBadNames(t *testing.T) {
	c := open(t, filepath.Join(t.TempDir(), "catalog.json"))
	for _, topic := range []string{"", ".", "..", "../x", "a b", strings.Repeat("x", wire.TopicMax+1)} {
		if err := c.SetColumns(topic, &wire.Columns{Key: "k"}); err == nil {
			t.Errorf("topic %q accepted", topic)
		}
	}
	for _, columns := range []wire.Columns{{Key: "\xff"}, {Time: "\xc3"}} { // JSON cannot say it, so the file could not keep it
		if err := c.SetColumns("t", &columns); err == nil {
			t.Errorf("columns %q accepted", columns)
		}
	}
}

// TestCatalogOpen is the table of files that do and do not read. None is ever changed by reading it.
func TestCatalogOpen(t *testing.T) {
	tests := []struct {
		name, file string
		want       string // in the error; "" = opens
	}{
		{"no topics", `{"version":1}`, ""},
		{"one topic", `{"version":1,"topics":{"t":{"shard_key":"sk"}}}`, ""},
		{"empty file", ``, "is damaged"},
		{"cut short", `{"version":1,"topics":{"t":{"sha`, "is damaged"},
		{"not JSON", "\x00\x00\x00\x00", "is damaged"},
		{"an array", `[]`, "is damaged"},
		{"two catalogs", `{"version":1}{"version":1}`, "is damaged"},
		{"no version", `{"topics":{}}`, "it has no version"},
		{"newer", `{"version":2,"tables":{}}`, "has version 2, and this program knows version 1"},
		{"older", `{"version":0}`, "has version 0"},
		{"unknown member", `{"version":1,"tables":{}}`, `unknown field "tables"`},
		{"unknown column member", `{"version":1,"topics":{"t":{"colour":"red"}}}`, `unknown field "colour"`},
		{"bad unit", `{"version":1,"topics":{"t":{"time_column":"ts","time_format":"weeks"}}}`, `time_format "weeks" is not known`},
		{"bad topic", `{"version":1,"topics":{"../t":{}}}`, `topic "../t"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "catalog.json")
			if err := os.WriteFile(path, []byte(test.file), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := Open(path)
			switch {
			case test.want == "" && err != nil:
				t.Fatal(err)
			case test.want == "":
			case err == nil:
				t.Fatal("opened")
			case !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), path):
				t.Errorf("error %q, want %q and the path in it", err, test.want)
			}
			if after, err := os.ReadFile(path); err != nil || string(after) != test.file {
				t.Errorf("the file was changed to %q (%v)", after, err)
			}
		})
	}
}

// TestCatalogCrash cuts a change short at every byte of its temporary file: the catalog is what it was, and goes on working.
func TestCatalogCrash(t *testing.T) {
	path := filepath.Join(t.TempDir(), "catalog.json")
	old := wire.Columns{Time: "ts", Key: "old"}
	if err := open(t, path).SetColumns("t", &old); err != nil {
		t.Fatal(err)
	}
	change, err := encode(map[string]*wire.Columns{"t": {Time: "ts", Key: "new"}, "u": {Key: "k"}})
	if err != nil {
		t.Fatal(err)
	}
	for n := range len(change) + 1 {
		if err := os.WriteFile(path+".tmp", change[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		if got := state(open(t, path)); !reflect.DeepEqual(got, map[string]wire.Columns{"t": old}) {
			t.Fatalf("cut after %d bytes: %v", n, got)
		}
	}
	c := open(t, path)
	if err := c.SetColumns("u", &wire.Columns{Key: "k"}); err != nil {
		t.Fatal(err)
	}
	if got := open(t, path).Topics(); !slices.Equal(got, []string{"t", "u"}) {
		t.Errorf("after the next change: %v", got)
	}
	if _, err := os.Stat(path + ".tmp"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the temporary file stayed: %v", err)
	}
}

// TestCatalogFailedChange: a change that could not be written has not happened, in memory either.
func TestCatalogFailedChange(t *testing.T) {
	block := func(name string) func(t *testing.T, path string) {
		return func(t *testing.T, path string) { // a directory with something in it can be neither opened for writing nor renamed over
			if err := os.RemoveAll(path + name); err != nil {
				t.Fatal(err)
			}
			if err := os.MkdirAll(filepath.Join(path+name, "x"), 0o700); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, spoil := range map[string]func(t *testing.T, path string){
		"cannot create": block(".tmp"),
		"cannot rename": block(""),
		"directory gone": func(t *testing.T, path string) {
			if err := os.RemoveAll(filepath.Dir(path)); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "data", "catalog.json")
			if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			c := open(t, path)
			if err := c.SetColumns("t", &wire.Columns{Key: "old"}); err != nil {
				t.Fatal(err)
			}
			spoil(t, path)
			if err := c.SetColumns("t", &wire.Columns{Key: "new"}); err == nil {
				t.Fatal("the change was reported done")
			}
			if got := c.Columns([]byte("t")).Key; got != "old" {
				t.Errorf("key %q after a failed change", got)
			}
		})
	}
}

// TestCatalogModel compares the catalog with a map; reopening is one of the operations.
func TestCatalogModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "catalog")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		path := filepath.Join(dir, "catalog.json")
		c, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		model := map[string]wire.Columns{}
		topics := rapid.SampledFrom([]string{"a", "b", "c.d", "_e-f"})
		t.Repeat(map[string]func(*rapid.T){
			"set": func(t *rapid.T) {
				topic := topics.Draw(t, "topic")
				columns := wire.Columns{Key: rapid.String().Draw(t, "key"), Time: rapid.String().Draw(t, "time")}
				if columns.Time != "" {
					columns.Unit = wire.Unit(rapid.IntRange(0, 2).Draw(t, "unit"))
				}
				if err := c.SetColumns(topic, &columns); err != nil {
					t.Fatal(err)
				}
				model[topic] = columns
			},
			"forget": func(t *rapid.T) {
				topic := topics.Draw(t, "topic")
				if err := c.SetColumns(topic, nil); err != nil {
					t.Fatal(err)
				}
				delete(model, topic)
			},
			"reopen": func(t *rapid.T) {
				if c, err = Open(path); err != nil {
					t.Fatal(err)
				}
			},
			"": func(t *rapid.T) {
				if got := state(c); !maps.Equal(got, model) {
					t.Fatalf("%v, want %v", got, model)
				}
			},
		})
	})
}

// TestCatalogReadersDuringChanges is for the race detector, and checks that a reader sees whole Columns only.
func TestCatalogReadersDuringChanges(t *testing.T) {
	c := open(t, filepath.Join(t.TempDir(), "catalog.json"))
	if err := c.SetColumns("t", &wire.Columns{Time: "0", Key: "0"}); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if got := c.Columns([]byte("t")); got.Time != got.Key {
					t.Errorf("half a change: %+v", got)
					return
				}
			}
		})
	}
	for i := range 50 {
		name := strings.Repeat("x", i+1)
		if err := c.SetColumns("t", &wire.Columns{Time: name, Key: name}); err != nil {
			t.Fatal(err)
		}
	}
	close(done)
	readers.Wait()
}

// A change that could not be synced is written again when it is asked for again: it is not enough that it is known.
func TestCatalogTriesAgainAfterASyncError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "catalog.json")
	c, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	columns := &wire.Columns{Time: "ts", Key: "sk"}
	if err := c.SetColumns("t", columns); err != nil {
		t.Fatal(err)
	}
	c.unsynced = true                       // as a directory that can't be synced leaves it
	if err := os.Remove(path); err != nil { // and the power cut that takes the change back
		t.Fatal(err)
	}
	if err := c.SetColumns("t", columns); err != nil {
		t.Fatal(err)
	}
	again, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := again.Columns([]byte("t")); got == nil || *got != *columns {
		t.Errorf("after the second try the file holds %v", got)
	}
	if c.unsynced {
		t.Error("a change that was synced is still held for unsynced")
	}
}
