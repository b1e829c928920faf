package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"penstock/benchmarks/child"
)

// start runs a server with nothing in it yet; what it has begun is returned even with an error.
type start func(b *bench) (*server, error)

// bare is fasthttp that answers 202 to everything.
func bare(b *bench) (*server, error) { return printing(b, b.tools["bare"]) }

// plain is a service as one writes it in an afternoon; see benchmarks/peers/plain.
func plain(b *bench) (*server, error) {
	s, err := printing(b, b.tools["plain"], "--file", "events.ndjson")
	if err != nil {
		return s, err
	}
	s.taken = func(s *server) (int64, error) { return lineCount(filepath.Join(s.home, "events.ndjson")) }
	return s, nil
}

// What a sample takes in our log, in bytes, of a batch of them; a test looks.
const (
	putRecord      = 208
	graphiteRecord = 194
)

// floor writes as many bytes for a line as ours does, over and over in one place, and does nothing else; see benchmarks/peers/floor.
func floor(record int) start {
	return func(b *bench) (*server, error) {
		s, err := printing(b, b.tools["floor"], "--file", "records", "--record", strconv.Itoa(record))
		if err != nil {
			return s, err
		}
		s.taken = func(s *server) (int64, error) {
			count, err := os.ReadFile(filepath.Join(s.home, "records.count"))
			if err != nil {
				return 0, err
			}
			return int64(binary.NativeEndian.Uint64(count)), nil
		}
		return s, nil
	}
}

// printing runs a program that prints where it listens.
func printing(b *bench, bin string, flags ...string) (*server, error) {
	s, err := launch(b.root, bin, func(string) []string { return append([]string{"--addr", "127.0.0.1:0"}, flags...) })
	if err != nil {
		return nil, err
	}
	s.addr, err = s.Says("listening on ")
	return s, err
}

// victoria is Debian's VictoriaMetrics with one of its doors: graphite, opentsdb, or opentsdbHTTP.
func victoria(listener string) start {
	return func(b *bench) (*server, error) {
		admin, err1 := child.FreeAddress()
		at, err2 := child.FreeAddress()
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
		s, err := launch(b.root, b.tools["victoria-metrics"], func(home string) []string {
			return []string{"-storageDataPath=" + filepath.Join(home, "data"), "-retentionPeriod=1d", "-loggerLevel=WARN",
				"-httpListenAddr=" + admin, "-" + listener + "ListenAddr=" + at}
		})
		if err != nil {
			return nil, err
		}
		s.addr, s.admin, s.taken = at, "http://"+admin, victoriaRows
		return s, s.Listens(admin, at)
	}
}

func victoriaRows(s *server) (int64, error) {
	text, err := child.Get(s.admin + "/metrics")
	if err != nil {
		return 0, err
	}
	const name = "\nvm_rows_added_to_storage_total "
	_, rest, found := strings.Cut(string(text), name)
	if !found {
		return 0, fmt.Errorf("no %sin its metrics", name)
	}
	line, _, _ := strings.Cut(rest, "\n")
	return strconv.ParseInt(line, 10, 64)
}

// relay is carbon-c-relay, which writes what it gets to a file. Its queue has room for all of a load, as it drops what does not fit.
func relay(b *bench) (*server, error) {
	at, err := child.FreeAddress()
	if err != nil {
		return nil, err
	}
	s, err := configured(b, "carbon-c-relay", func(home string) string {
		return fmt.Sprintf("cluster kept file %s/lines;\nmatch * send to kept;\nlisten type linemode %s proto tcp;\n", home, at)
	}, "-s", "-q", "3000000", "-f")
	if err != nil {
		return nil, err
	}
	s.addr = at
	s.taken = func(s *server) (int64, error) { return lineCount(filepath.Join(s.home, "lines")) }
	return s, s.Listens(at)
}

// configured runs a program with a configuration file, named by the last flag.
func configured(b *bench, tool string, text func(home string) string, flags ...string) (*server, error) {
	var failed error
	s, err := launch(b.root, b.tools[tool], func(home string) []string {
		path := filepath.Join(home, "configuration")
		failed = os.WriteFile(path, []byte(text(home)), 0o600)
		return append(flags, path)
	})
	if err == nil && failed != nil {
		s.end()
		return nil, failed
	}
	return s, err
}

// telegraf takes JSON over HTTP and writes lines to a file. What is sent is kept whole: the message as a field, key and level as tags.
func telegraf(b *bench) (*server, error) {
	at, err := child.FreeAddress()
	if err != nil {
		return nil, err
	}
	s, err := configured(b, "telegraf", func(home string) string {
		return fmt.Sprintf(`[agent]
  flush_interval = "1s"
  metric_batch_size = 5000
  metric_buffer_limit = 5000000
  omit_hostname = true
[[inputs.http_listener_v2]]
  service_address = "tcp://%s"
  paths = ["/telegraf"]
  data_format = "json"
  tag_keys = ["key", "level"]
  json_string_fields = ["msg"]
[[outputs.file]]
  files = ["%s/lines"]
  data_format = "influx"
`, at, home)
	}, "--quiet", "--config")
	if err != nil {
		return nil, err
	}
	s.addr = at
	s.taken = func(s *server) (int64, error) { return lineCount(filepath.Join(s.home, "lines")) }
	return s, s.Listens(at)
}

// lineCount counts the lines of a file.
func lineCount(path string) (n int64, err error) {
	file, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	for b := make([]byte, 1<<20); ; {
		size, err := file.Read(b)
		n += int64(bytes.Count(b[:size], []byte{'\n'}))
		if size == 0 || err != nil {
			return n, nil
		}
	}
}
