package kafka

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// certified is what a server and a client of it need to speak TLS.
func certified(t *testing.T) (server, client *tls.Config) {
	t.Helper()
	lender := httptest.NewTLSServer(nil) // its certificate is for 127.0.0.1
	defer lender.Close()
	pool := x509.NewCertPool()
	pool.AddCert(lender.Certificate())
	return &tls.Config{Certificates: lender.TLS.Certificates}, &tls.Config{RootCAs: pool, ServerName: "127.0.0.1"}
}

// secure is dial, under TLS.
func (d *door) secure(config *tls.Config) *wired {
	w := d.dial()
	w.Conn = tls.Client(w.Conn, config)
	return w
}

// Under TLS a fetch has the same bytes as without, many and few.
func TestFetchUnderTLS(t *testing.T) {
	server, client := certified(t)
	d := open(t, 1, func(o *Options) { o.TLS = server })
	d.put("t", numbered(0, 200, 1000)...)
	for i := range 20 {
		d.put("t", numbered(200+i, 1, 100)...)
	}
	log, _ := d.set.Topic("t")
	w := d.secure(client)
	for offset := int64(0); offset < 220; {
		got := onlyPart(w.ask(fetchOf(12, "t", offset))).RecordBatches
		cursor := log.Logs()[0].Cursor(offset)
		span, err := cursor.NextSpan(1 << 20)
		if err != nil || !bytes.Equal(got, span.Bytes) {
			t.Fatalf("from %d on %d bytes are told, %d stand there: %v", offset, len(got), len(span.Bytes), err)
		}
		offset = span.Next
		cursor.Close()
	}
}

// Who does not speak TLS, or believes another certificate, is counted and closed; others are served.
func TestHandshake(t *testing.T) {
	server, client := certified(t)
	d := open(t, 1, func(o *Options) { o.TLS = server })
	clear := d.dial()
	clear.send(frameOf(kmsg.NewPtrMetadataRequest(), 7))
	if _, err := io.ReadAll(clear); errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
	waitFor(t, func() bool { return d.server.Stats().Malformed == 1 })
	if err := d.secure(&tls.Config{ServerName: "127.0.0.1"}).Conn.(*tls.Conn).Handshake(); err == nil {
		t.Error("a stranger's certificate is believed")
	}
	waitFor(t, func() bool { return d.server.Stats().Malformed == 2 })
	d.secure(client).ask(kmsg.NewPtrMetadataRequest())
}

// A stop does not wait for who has not shaken hands, nor for who takes nothing.
func TestCloseUnderTLS(t *testing.T) {
	server, client := certified(t)
	d := open(t, 1, func(o *Options) { o.TLS = server })
	d.put("t", numbered(0, 50, 1000)...)
	silent, idle := d.dial(), d.secure(client)
	idle.ask(kmsg.NewPtrMetadataRequest())
	waitFor(t, func() bool { return d.server.Stats().Open == 2 })
	d.close()
	for _, w := range []*wired{silent, idle} {
		if _, err := w.frame(); err == nil {
			t.Error("somebody is served after the stop")
		}
	}
}

// A page that can't be read, as its file was cut, ends an answer and not the process.
func TestCopyMapped(t *testing.T) {
	to := make([]byte, 4)
	if n, err := copyMapped(to, []byte("abcdef")); n != 4 || err != nil || string(to) != "abcd" {
		t.Errorf("%d, %v, %s", n, err, to)
	}
	file, err := os.Create(filepath.Join(t.TempDir(), "cut"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := file.Truncate(4096); err != nil {
		t.Fatal(err)
	}
	mapped, err := syscall.Mmap(int(file.Fd()), 0, 4096, syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Munmap(mapped) }()
	if err := file.Truncate(0); err != nil {
		t.Fatal(err)
	}
	if _, err := copyMapped(to, mapped); !errors.Is(err, errUnreadable) {
		t.Errorf("it ended in %v", err)
	}
}
