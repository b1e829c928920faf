package child

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

// Penstock is the real binary on a data directory.
type Penstock struct {
	*Process
	data  string
	at    map[string]any
	Admin string // URL, once it is ready
}

// Serve starts the binary, with its log in home. Its listeners are off, but for the admin one, unless the flags say otherwise.
func Serve(bin, home, data string, flags ...string) (*Penstock, error) {
	args := []string{"serve", "--data-dir", data, "--admin", "127.0.0.1:0"}
	for _, listener := range []string{"http", "https", "telnet", "graphite", "pickle", "kafka"} {
		args = append(args, "--"+listener, "off")
	}
	p, err := Start(home, bin, append(args, flags...)...)
	if err != nil {
		return nil, err
	}
	return &Penstock{Process: p, data: data}, nil
}

// Ready waits until it serves.
func (s *Penstock) Ready(atMost time.Duration) error {
	return s.Within(atMost, func() error {
		if err := s.readAddresses(); err != nil {
			return err
		}
		_, err := Get(s.Admin + "/readyz")
		return err
	})
}

// readAddresses reads where this process listens. The file of an earlier one has another pid.
func (s *Penstock) readAddresses() error {
	text, err := os.ReadFile(filepath.Join(s.data, "addresses.json"))
	if err != nil {
		return err
	}
	var at map[string]any
	if err := json.Unmarshal(text, &at); err != nil {
		return err
	}
	if pid, _ := at["pid"].(float64); int(pid) != s.PID() {
		return fmt.Errorf("addresses.json is of process %v", at["pid"])
	}
	s.at, s.Admin = at, "http://"+fmt.Sprint(at["admin"])
	return nil
}

// Address is where one of its listeners is; empty when that is off.
func (s *Penstock) Address(listener string) string {
	at, _ := s.at[listener].(string)
	return at
}

// Stored is how many records of a wire it has taken since it started. One that was rejected is an error, unless its sender was told to come
// again: then whoever compares sees whether it did.
func (s *Penstock) Stored(wire string) (int64, error) {
	text, err := Get(s.Admin + "/v1/ledger")
	if err != nil {
		return 0, err
	}
	var all struct {
		Wires map[string]struct {
			Stored, Rejected int64
			RejectedBy       map[string]int64 `json:"rejected_by"`
		}
	}
	if err := json.Unmarshal(text, &all); err != nil {
		return 0, err
	}
	account := all.Wires[wire]
	if n := account.Rejected - account.RejectedBy["busy"]; n > 0 {
		return 0, fmt.Errorf("%d were rejected", n)
	}
	return account.Stored, nil
}

// Keyed makes a topic whose events say in a column to which shard they belong.
func (s *Penstock) Keyed(topic, column string) error {
	r, err := client.Post(s.Admin+"/v1/topics", "application/json", strings.NewReader(fmt.Sprintf(`{"name":%q,"shard_key":%q}`, topic, column)))
	if err != nil {
		return err
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusCreated {
		text, _ := io.ReadAll(io.LimitReader(r.Body, 500))
		return fmt.Errorf("the topic was not made: %s: %s", r.Status, text)
	}
	return nil
}

var client = &http.Client{Timeout: 10 * time.Second}

// Get is what a server answers, when its status is 200.
func Get(url string) ([]byte, error) {
	r, err := client.Get(url)
	if err != nil {
		return nil, err
	}
	defer r.Body.Close()
	text, err := io.ReadAll(io.LimitReader(r.Body, 64<<20))
	if err == nil && r.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", url, r.Status)
	}
	return text, err
}
