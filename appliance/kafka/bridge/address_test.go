package bridge

import (
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"

	"penstock/segstore/disk"
)

func TestParseAddress(t *testing.T) {
	a, err := ParseAddress("kafka://ada@b1:9092,b2:9093,[::1]:9094?ca=/etc/ca.pem&sasl=plain&password-file=/etc/pw")
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"b1:9092", "b2:9093", "[::1]:9094"}; !slices.Equal(a.brokers, want) || !a.tls || a.ca != "/etc/ca.pem" || a.user != "ada" || a.sasl != saslPlain || a.secret != "/etc/pw" {
		t.Errorf("%+v", a)
	}
	for text, want := range map[string]string{
		"b1:9092":                              "begins with kafka://",
		"kafka://":                             "is not a broker's HOST:PORT",
		"kafka://b1":                           "\"b1\" is not a broker's HOST:PORT",
		"kafka://b1:1,":                        "is not a broker's HOST:PORT",
		"kafka://:1":                           "is not a broker's HOST:PORT",
		"kafka://ada:s3cret@b1:1":              "a password does not belong into an address",
		"kafka://ada@b1:1":                     "has a user and a password-file, or neither",
		"kafka://b1:1?password-file=x":         "has a user and a password-file, or neither",
		"kafka://b1:1?tls=maybe":               "not that value of \"tls\"",
		"kafka://b1:1?nothing=1":               "not that value of \"nothing\"",
		"kafka://b1:1?sasl=gssapi":             "not that value of \"sasl\"",
		"kafka://b1:1?%zz":                     "must look like tls=on&ca=FILE",
		"kafka://ada@b1:1?password-file=a%20b": "",
	} {
		_, err := ParseAddress(text)
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", text, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cret")):
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

// A cluster that asks who one is gets it from the address, and the password from its file.
func TestForwardLogsIn(t *testing.T) {
	for mechanism, fake := range map[string]string{saslPlain: "PLAIN", saslScram256: "SCRAM-SHA-256", saslScram512: "SCRAM-SHA-512"} {
		t.Run(mechanism, func(t *testing.T) {
			r := newRig(t, kfake.EnableSASL(), kfake.Superuser(fake, "ada", "s3cret"))
			password := filepath.Join(t.TempDir(), "password")
			r.must(os.WriteFile(password, []byte("s3cret\n"), 0o600))
			r.store("t", 20, true)
			to := strings.Replace(r.address(), Scheme, Scheme+"ada@", 1) + "?sasl=" + mechanism + "&password-file=" + password
			r.start(Options{Forwards: map[string]Forward{"lake": {To: to}}})
			r.settled("lake")
			for _, st := range r.bridge.Status().Targets {
				if strings.Contains(st.To, "s3cret") {
					t.Errorf("the password is shown: %s", st.To)
				}
			}
		})
	}
}

func TestForwardWithoutItsFiles(t *testing.T) {
	for _, to := range []string{"kafka://ada@b:1?password-file=/nowhere/pw", "kafka://b:1?ca=/nowhere/ca"} {
		a, err := ParseAddress(to)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := dial(a, "x"); err == nil || !strings.Contains(err.Error(), "/nowhere/") {
			t.Errorf("%s: %v", to, err)
		}
	}
}

// What is known of a target is there again after a restart, and a damaged file says what to do about it.
func TestPositionsAreKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lake.json")
	p, err := openPositions(disk.OS{}, path)
	if err != nil {
		t.Fatal(err)
	}
	want := position{producer: producer{ID: 7, Epoch: 1, Base: 3}, Next: 9, At: 5, First: 2, Start: 1, Past: []int64{4}}
	p.put("a-b/c", 2, want)
	p.put("gone", 0, want)
	p.keep(func(topic string) bool { return topic != "gone" })
	if err := p.save(); err != nil {
		t.Fatal(err)
	}
	if p, err = openPositions(disk.OS{}, path); err != nil {
		t.Fatal(err)
	}
	got, ok := p.get("a-b/c", 2)
	if _, gone := p.get("gone", 0); !ok || gone || got.producer != want.producer || got.Next != 9 || got.At != 5 || got.First != 2 || got.Start != 1 || !slices.Equal(got.Past, want.Past) {
		t.Errorf("%+v", got)
	}
	for text, damaged := range map[string]bool{"{": true, "null": false, "[]": true, "": true} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		p, err := openPositions(disk.OS{}, path)
		if damaged && (err == nil || !strings.Contains(err.Error(), "remove it")) {
			t.Errorf("%q: %v", text, err)
		}
		if !damaged {
			if err != nil {
				t.Fatalf("%q: %v", text, err)
			}
			p.put("t", 0, want)
		}
	}
}

// Sequences count to 2³¹ and begin again, and the offset that is nearest to the position is meant by one.
func TestPlace(t *testing.T) {
	r := newRig(t)
	r.store("t", 400, false)
	tp, _ := r.set.Topic("t")
	log := tp.Logs()[0]
	s := &shipper{log: log, topic: tp, t: &target{name: "x", log: slog.New(slog.DiscardHandler)}}
	for _, c := range []struct {
		base, next int64
		last       int32
		want       int64
	}{
		{0, 0, 0, 1}, {0, 10, 9, 10}, {0, 10, 14, 15}, {0, 10, 4, 5}, {5, 10, 4, 10}, {5, 10, 5, 11},
		{10 - (1 << 31), 10, 1<<31 - 1, 10}, {10 - (1 << 31), 10, 0, 11}, {9 - (1 << 31), 10, 0, 10},
	} {
		s.at = position{producer: producer{Base: c.base}, Next: c.next}
		if got, err := s.place(c.last); err != nil || got != c.want {
			t.Errorf("from %d, at %d, last %d: %d %v, want %d", c.base, c.next, c.last, got, err, c.want)
		}
	}
	s.at = position{Next: 10}
	if got, err := s.place(int32(log.Next()) + 5); err == nil {
		t.Errorf("what is not here is at %d", got)
	}
}
