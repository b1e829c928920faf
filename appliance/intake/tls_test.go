package intake

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// trusting is a client that believes one certificate and nothing else.
func trusting(t testing.TB, certFile string) *tls.Config {
	t.Helper()
	text, err := os.ReadFile(certFile)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		t.Fatalf("%s holds no certificate", certFile)
	}
	return &tls.Config{RootCAs: pool, ServerName: "localhost"}
}

func dialTLS(t testing.TB, addr string, config *tls.Config) *tls.Conn {
	t.Helper()
	c := tls.Client(dial(t, addr), config)
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	return c
}

// The self-signed certificate is made once, guarded, good for the names a client on this machine uses, and used again.
func TestSelfSigned(t *testing.T) {
	dir := t.TempDir()
	var first []byte
	for round := range 2 {
		r := start(t, func(o *Options) { o.HTTP, o.HTTPS, o.DataDir = off, "127.0.0.1:0", dir })
		addr := r.Addrs()["https"].String()
		config := trusting(t, filepath.Join(dir, "tls", "cert.pem"))
		c := dialTLS(t, addr, config)
		answers, closed := converse(t, c, post("secure", event, "Penstock-Ack: log")+post("secure", event), 2)
		if closed || answers[0].status != 202 || answers[1].status != 202 {
			t.Fatalf("round %d: %+v, closed %v", round, answers, closed)
		}
		cert := c.ConnectionState().PeerCertificates[0]
		for _, name := range []string{"localhost", "127.0.0.1", "::1"} {
			if err := cert.VerifyHostname(name); err != nil {
				t.Error(err)
			}
		}
		if first == nil {
			first = cert.Raw
		} else if !bytes.Equal(first, cert.Raw) {
			t.Error("the second start made another certificate")
		}
	}
	for path, mode := range map[string]os.FileMode{"tls": 0o700, "tls/key.pem": 0o600, "tls/cert.pem": 0o644} {
		info, err := os.Stat(filepath.Join(dir, path))
		if err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: mode %v, want %v (%v)", path, info.Mode().Perm(), mode, err)
		}
	}
	if left, err := filepath.Glob(filepath.Join(dir, "tls", "*.tmp")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

// What a start that was cut short leaves, and what time does, is mended by the next start.
func TestSelfSignedMends(t *testing.T) {
	now := time.Now()
	for _, c := range []struct {
		name   string
		before func(t *testing.T, dir, cert, key string)
		renews bool
		err    string
	}{
		{"nothing there", func(*testing.T, string, string, string) {}, true, ""},
		{"a key without certificate", func(t *testing.T, dir, cert, key string) {
			write(t, key, "half a key")
		}, true, ""},
		{"a good pair", func(t *testing.T, dir, cert, key string) {
			mend(t, dir, cert, key, now)
		}, false, ""},
		{"an ended certificate", func(t *testing.T, dir, cert, key string) {
			mend(t, dir, cert, key, now.Add(-selfSignedFor-time.Minute))
		}, true, ""},
		{"a certificate that is none", func(t *testing.T, dir, cert, key string) {
			write(t, cert, "not a certificate")
		}, false, "holds no certificate"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "tls")
			cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
			c.before(t, dir, cert, key)
			old, _ := os.ReadFile(cert) // absent is as good as empty here
			err := ensureSelfSigned(dir, cert, key, now, slog.New(slog.DiscardHandler))
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Fatalf("%v; want %q", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, err := tls.LoadX509KeyPair(cert, key); err != nil {
				t.Errorf("the pair does not match: %v", err)
			}
			fresh, err := os.ReadFile(cert)
			if err != nil || bytes.Equal(old, fresh) == c.renews {
				t.Errorf("renewed: %v, want %v (%v)", !bytes.Equal(old, fresh), c.renews, err)
			}
		})
	}
}

func mend(t *testing.T, dir, cert, key string, now time.Time) {
	t.Helper()
	if err := ensureSelfSigned(dir, cert, key, now, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A certificate from files is read again by Reload; a bad file leaves the one in use.
func TestReload(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "c"), filepath.Join(dir, "k")
	put := func() []byte {
		cert, key, err := selfSign(time.Now())
		if err != nil {
			t.Fatal(err)
		}
		write(t, certFile, string(cert))
		write(t, keyFile, string(key))
		block, _ := pem.Decode(cert)
		return block.Bytes
	}
	first := put()
	r := start(t, func(o *Options) { o.HTTPS, o.CertFile, o.KeyFile = "127.0.0.1:0", certFile, keyFile })
	addr := r.Addrs()["https"].String()
	served := func() []byte {
		c := dialTLS(t, addr, &tls.Config{InsecureSkipVerify: true})
		defer c.Close()
		return c.ConnectionState().PeerCertificates[0].Raw
	}
	if !bytes.Equal(served(), first) {
		t.Fatal("not the certificate of the files")
	}
	second := put()
	if !bytes.Equal(served(), first) {
		t.Error("the certificate changed without Reload")
	}
	if err := r.Reload(); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(served(), second) {
		t.Error("Reload did not bring the new certificate")
	}
	write(t, keyFile, "nonsense")
	if err := r.Reload(); err == nil || !strings.Contains(err.Error(), keyFile) {
		t.Errorf("Reload of nonsense: %v", err)
	}
	if !bytes.Equal(served(), second) {
		t.Error("a failed Reload took the certificate away")
	}
}

// Old versions and unauthenticated encryption are refused in the handshake.
func TestTLSFloor(t *testing.T) {
	r := start(t, func(o *Options) { o.HTTPS, o.DataDir = "127.0.0.1:0", t.TempDir() })
	addr := r.Addrs()["https"].String()
	for _, c := range []struct {
		name   string
		config *tls.Config
		ok     bool
	}{
		{"1.3", &tls.Config{MinVersion: tls.VersionTLS13}, true},
		{"1.2", &tls.Config{MaxVersion: tls.VersionTLS12}, true},
		{"1.1", &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, false},
		{"1.2 with CBC only", &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}}, false},
		{"HTTP/2 only", &tls.Config{NextProtos: []string{"h2"}}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.config.InsecureSkipVerify = true
			conn := tls.Client(dial(t, addr), c.config)
			if err := conn.Handshake(); (err == nil) != c.ok {
				t.Errorf("%v", err)
			}
		})
	}
}

// A handshake that does not end is cut, and does not keep others from shaking hands; nor does a client that speaks plainly.
func TestSlowHandshake(t *testing.T) {
	dir := t.TempDir()
	r := start(t, func(o *Options) { o.HTTPS, o.DataDir, o.HandshakeTimeout = "127.0.0.1:0", dir, 200*time.Millisecond })
	addr := r.Addrs()["https"].String()
	var slow []net.Conn
	for range 20 {
		slow = append(slow, dial(t, addr))
	}
	if _, err := slow[0].Write([]byte("\x16\x03\x01")); err != nil {
		t.Fatal(err)
	}
	if _, err := slow[1].Write([]byte(post("plain", event))); err != nil {
		t.Fatal(err)
	}
	c := dialTLS(t, addr, trusting(t, filepath.Join(dir, "tls", "cert.pem")))
	if a, _ := converse(t, c, post("secure", event), 1); a[0].status != 202 {
		t.Fatal("the good client was not served")
	}
	for i, c := range slow {
		for {
			_, err := c.Read(make([]byte, 512))
			if err == nil {
				continue // an alert
			}
			if late, ok := err.(net.Error); ok && late.Timeout() {
				t.Fatalf("slow client %d was not cut", i)
			}
			break
		}
	}
	if n := r.stored("plain"); n != 0 {
		t.Error("a plain request was run on the TLS port")
	}
}

// The guard and the refusals work the same under TLS, where the connection the engine sees is another.
func TestRawUnderTLS(t *testing.T) {
	r := start(t, func(o *Options) {
		o.HTTPS, o.DataDir, o.MaxBody, o.HeaderTimeout, o.ReadTimeout = "127.0.0.1:0", t.TempDir(), rawBody, 2*time.Second, 4*time.Second
	})
	addr := r.Addrs()["https"].String()
	for _, c := range rawCases {
		t.Run(c.name, func(t *testing.T) {
			before := r.stored(markerTopic)
			conn := dialTLS(t, addr, &tls.Config{InsecureSkipVerify: true})
			answers, _ := converse(t, conn, c.request+marker, 2)
			if len(answers) == 0 || answers[0].status != c.status {
				t.Fatalf("answered %+v; want %d", answers, c.status)
			}
			if ran := r.stored(markerTopic)-before != 0; ran == c.closes {
				t.Fatalf("what was behind the request was run: %v", ran)
			}
		})
	}
}

// Close does not wait for a TLS client that shook hands and said nothing.
func TestCloseSilentTLS(t *testing.T) {
	r := open(t, func(o *Options) { o.HTTPS, o.DataDir = "127.0.0.1:0", t.TempDir() })
	served := make(chan error, 1)
	go func() { served <- r.Serve() }()
	c := dialTLS(t, r.Addrs()["https"].String(), &tls.Config{InsecureSkipVerify: true})
	if err := r.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("bytes came")
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}
