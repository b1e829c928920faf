package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// topic is where events go, here and at NATS.
const topic = "events"

// door is a listener of ours and the wire that the ledger counts it under.
type door struct{ listener, wire string }

var (
	addEvents  = door{"http", "interana"}
	restDoor   = door{"http", "kairosdb"}
	telnetDoor = door{"telnet", "kairosdb"}
	lineDoor   = door{"graphite", "graphite"}
	pickleDoor = door{"pickle", "graphite"}
)

// ours starts penstock with one door open and a bounded log, which the load fills several times where it is long.
func ours(d door, flags ...string) start {
	return func(b *bench) (*server, error) {
		s, err := launch(b.root, b.bin, func(home string) []string {
			args := []string{"serve", "--data-dir", filepath.Join(home, "data"), "--admin", "127.0.0.1:0", "--retention-bytes", "1GiB", "--log-level", "warn"}
			for _, listener := range []string{"http", "https", "telnet", "graphite", "pickle", "kafka"} {
				at := "off"
				if listener == d.listener {
					at = "127.0.0.1:0"
				}
				args = append(args, "--"+listener, at)
			}
			return append(args, flags...)
		})
		if err != nil {
			return nil, err
		}
		s.taken = func(s *server) (int64, error) { return ledger(s, d.wire) }
		return s, s.within(20*time.Second, func() error { return s.ready(d.listener) })
	}
}

// keyed is ours with a table behind the topic: the shard key is read from each event.
func keyed(d door, flags ...string) start {
	return func(b *bench) (*server, error) {
		s, err := ours(d, flags...)(b)
		if err != nil {
			return s, err
		}
		const table = `{"name":"` + topic + `","shard_key":"key"}`
		r, err := http.Post(s.admin+"/v1/topics", "application/json", strings.NewReader(table))
		if err != nil {
			return s, err
		}
		defer r.Body.Close()
		if r.StatusCode != http.StatusCreated {
			text, _ := io.ReadAll(io.LimitReader(r.Body, 500))
			return s, fmt.Errorf("the topic was not made: %s: %s", r.Status, text)
		}
		return s, nil
	}
}

// ready finds where the process listens and asks whether it is ready.
func (s *server) ready(listener string) error {
	text, err := os.ReadFile(filepath.Join(s.home, "data", "addresses.json"))
	if err != nil {
		return err
	}
	var at map[string]any
	if err := json.Unmarshal(text, &at); err != nil {
		return err
	}
	s.addr, _ = at[listener].(string)
	admin, _ := at["admin"].(string)
	s.admin = "http://" + admin
	_, err = get(s.admin + "/readyz")
	return err
}

// ledger is how many records of a wire are stored; one that was rejected is an error.
func ledger(s *server, wire string) (int64, error) {
	text, err := get(s.admin + "/v1/ledger")
	if err != nil {
		return 0, err
	}
	var all struct {
		Wires map[string]struct{ Stored, Rejected int64 }
	}
	if err := json.Unmarshal(text, &all); err != nil {
		return 0, err
	}
	if n := all.Wires[wire].Rejected; n > 0 {
		return 0, fmt.Errorf("%d were rejected", n)
	}
	return all.Wires[wire].Stored, nil
}

var client = &http.Client{Timeout: 10 * time.Second}

func get(url string) ([]byte, error) {
	r, err := client.Get(url)
	if err != nil {
		return nil, err
	}
	defer r.Body.Close()
	text, err := io.ReadAll(io.LimitReader(r.Body, 4<<20))
	if err == nil && r.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", url, r.Status)
	}
	return text, err
}
