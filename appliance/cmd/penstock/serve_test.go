package main

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// sortedLines are a text's lines in order of their bytes, to compare what different readers put in different orders.
func sortedLines(text string) string {
	lines := strings.SplitAfter(text, "\n")
	slices.Sort(lines)
	return strings.Join(lines, "")
}

// TestServe is the main job with the real program: events go in over both doors, come out through the admin listener and the
// commands, and are there after a stop, after a kill, and offline.
func TestServe(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	config := filepath.Join(t.TempDir(), "penstock.yaml")
	if err := os.WriteFile(config, []byte("topics:\n  cooltopic: {time_column: ts, shard_key: sk}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := serveAt(t, dir, "--config", config)
	p.post("http://"+p.at.HTTP, "cooltopic", `{"ts":1474921202000,"sk":"u42","n":1}`+"\n"+`{"ts":1474921203000,"sk":"u42","n":2}`)
	p.post("https://"+p.at.HTTPS, "cooltopic", `{"ts":1474921204000,"sk":"u42","n":3}`)
	p.post("http://"+p.at.HTTP, "other", "not JSON, \"quoted\" <and> \\ told\tas it is \x01 \u2028")
	p.post("http://"+p.at.HTTP, "other", "bytes \xff\xfe")
	p.post("http://"+p.at.HTTP, "other", "[{\"a\":\n1.50},\r\n{}]")

	exit, tail, errs := penstock(t, "tail", "cooltopic", "--admin", p.admin())
	if exit != exitOK {
		t.Fatalf("tail: exit %d %s", exit, errs)
	}
	var want string
	for i := range 3 {
		want += fmt.Sprintf(`"offset":%d,"time":%d,"key":"u42","value":{"ts":%[2]d,"sk":"u42","n":%d}}`+"\n", i, 1474921202000+1000*i, i+1)
	}
	withoutShard := strings.NewReplacer(`{"topic":"cooltopic","shard":0,`, "", `{"topic":"cooltopic","shard":1,`, "")
	if got := withoutShard.Replace(tail); got != want {
		t.Errorf("tail prints\n%s\nwant\n%s", got, want)
	}
	metrics := p.get("/metrics")
	for _, want := range []string{`penstock_records_stored_total{wire="interana"} 7`, "go_memstats_mallocs_total ", "penstock_ready 1"} {
		if !strings.Contains(metrics, want+"\n") && !strings.Contains(metrics, "\n"+want) {
			t.Errorf("no %s in\n%s", want, metrics)
		}
	}
	p.refusesCompany(dir)
	_, others, _ := penstock(t, "tail", "other", "--admin", p.admin())
	p.stop()
	if _, err := os.Stat(filepath.Join(dir, "addresses.json")); !os.IsNotExist(err) {
		t.Errorf("the addresses stayed after the stop: %v", err)
	}
	if out := p.stdout.String(); !strings.Contains(out, dir+": 0 records of 0 topics in 0 shards") || !strings.Contains(out, "https://127.0.0.1:") ||
		!strings.Contains(out, "  pickle   127.0.0.1:") || !strings.Contains(out, "  kafka    127.0.0.1:") {
		t.Errorf("the greeting is\n%s", out)
	}
	if notes := p.stderr.String(); strings.Contains(notes, "u42") {
		t.Errorf("the log is\n%s", notes)
	}

	exit, dump, errs := penstock(t, "log", "dump", dir)
	if exit != exitOK || errs != "" {
		t.Errorf("dump: exit %d %s", exit, errs)
	}
	if sortedLines(dump) != sortedLines(tail+others) {
		t.Errorf("dump prints\n%s\ntail printed\n%s", dump, tail+others)
	}
	if exit, out, errs := penstock(t, "log", "verify", dir); exit != exitOK || !strings.Contains(out, " 7 records in ") || !strings.Contains(out, " 0 findings") {
		t.Errorf("verify: exit %d\n%s%s", exit, out, errs)
	}
	if exit, out, errs := penstock(t, "log", "dump", "--batches", dir); exit != exitOK || !strings.Contains(out, " byte=0 ") || !strings.Contains(out, " records=2 ") {
		t.Errorf("dump --batches: exit %d\n%s%s", exit, out, errs)
	}

	p = serveAt(t, dir)
	if _, again, _ := penstock(t, "tail", "cooltopic", "--admin", p.admin()); again != tail {
		t.Errorf("after a stop tail prints\n%s\nwant\n%s", again, tail)
	}
	p.post("http://"+p.at.HTTP, "cooltopic", `{"ts":1474921205000,"sk":"u42","n":4}`)
	p.signal(syscall.SIGKILL)
	p = serveAt(t, dir)
	if out, want := p.get("/v1/topics/cooltopic/records?shard=0")+p.get("/v1/topics/cooltopic/records?shard=1"), `"offset":3,"time":1474921205000,"key":"u42"`; !strings.Contains(out, want) ||
		strings.Count(out, "\n") != 4 {
		t.Errorf("after a kill there is\n%s", out)
	}
	if exit, out, errs := penstock(t, "log", "repair", dir); exit != exitFailed || !strings.Contains(errs, fmt.Sprintf("process %d works on", p.at.PID)) {
		t.Errorf("repair beside a running appliance: exit %d\n%s%s", exit, out, errs)
	}
	p.stop()
	if out := p.stdout.String(); !strings.Contains(out, "8 records of 2 topics in 4 shards") {
		t.Errorf("the greeting is\n%s", out)
	}
	if exit, out, errs := penstock(t, "log", "repair", dir); exit != exitOK || !strings.Contains(out, "repaired: 5 logs") {
		t.Errorf("repair: exit %d\n%s%s", exit, out, errs)
	}
}

// refusesCompany: a second appliance on the same directory says who has it, and disturbs nobody; the offline tools say so too.
func (p *process) refusesCompany(dir string) {
	p.t.Helper()
	exit, _, errs := penstock(p.t, "serve", "--data-dir", dir, "--http", "127.0.0.1:0", "--https", "off", "--admin", "off")
	if want := fmt.Sprintf("process %d already works on the data directory %s", p.at.PID, dir); exit != exitFailed || !strings.Contains(errs, want) {
		p.t.Errorf("a second start: exit %d\n%s\nwant %q", exit, errs, want)
	}
	exit, out, errs := penstock(p.t, "log", "verify", filepath.Join(dir, "topics"))
	if exit != exitOK || !strings.Contains(errs, fmt.Sprintf("note: process %d works on %s", p.at.PID, dir)) || !strings.Contains(out, " 7 records in ") {
		p.t.Errorf("verify beside a running appliance: exit %d\n%s%s", exit, out, errs)
	}
	if status := p.get("/readyz"); status != "ok\n" {
		p.t.Errorf("the first one is disturbed: %q", status)
	}
}

// TestDamageIsFound flips a bit in what was acknowledged.
func TestDamageIsFound(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	p := serveAt(t, dir, "--shards", "1")
	p.post("http://"+p.at.HTTP, "clicks", `{"find":"me"}`)
	p.stop()
	var path string
	at := -1
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(name) != ".log" {
			return err
		}
		content, err := os.ReadFile(name)
		if i := bytes.Index(content, []byte(`"me"`)); i >= 0 {
			path, at = name, i
			content[i] ^= 1
			return os.WriteFile(name, content, 0o600)
		}
		return err
	})
	if err != nil || at < 0 {
		t.Fatalf("no segment holds the event: %v", err)
	}
	exit, out, errs := penstock(t, "log", "verify", dir)
	if exit != exitFailed || !strings.Contains(out, path+": damage at byte 0, offsets 0 to 0") || !strings.Contains(errs, "acknowledged records are damaged in 1 place") {
		t.Errorf("verify: exit %d\n%s%s", exit, out, errs)
	}
	if exit, out, _ := penstock(t, "log", "dump", dir); exit != exitFailed || out != "" {
		t.Errorf("dump: exit %d\n%s", exit, out)
	}
	if exit, out, errs := penstock(t, "log", "repair", dir); exit != exitFailed {
		t.Errorf("repair: exit %d\n%s%s", exit, out, errs)
	}
	p = serveAt(t, dir, "--shards", "1") // it always starts
	p.post("http://"+p.at.HTTP, "clicks", `{"find":"you"}`)
	if out := p.get("/v1/topics/clicks/records?shard=0"); !strings.Contains(out, `"offset":1,`) || !strings.Contains(out, `{"find":"you"}`) {
		t.Errorf("behind the damage there is\n%s", out)
	}
	p.stop()
}

// TestReloadCertificate replaces the certificate's files under a running appliance.
func TestReloadCertificate(t *testing.T) {
	files := t.TempDir()
	cert, key := filepath.Join(files, "cert.pem"), filepath.Join(files, "key.pem")
	writeCertificate(t, cert, key, 1)
	p := serveAt(t, filepath.Join(t.TempDir(), "data"), "--tls-cert", cert, "--tls-key", key)
	serial := func() int64 {
		conn, err := tls.Dial("tcp", p.at.HTTPS, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
	}
	if got := serial(); got != 1 {
		t.Fatalf("serial %d at first", got)
	}
	if err := os.WriteFile(cert, []byte("half a certif"), 0o600); err != nil {
		t.Fatal(err)
	}
	hup := func() {
		if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	hup() // a certificate that does not read changes nothing
	if got := serial(); got != 1 {
		t.Errorf("serial %d after a bad file", got)
	}
	writeCertificate(t, cert, key, 2)
	hup()
	eventually(t, "the new certificate", func() bool { return serial() == 2 })
	p.stop()
}

func writeCertificate(t *testing.T, certFile, keyFile string, serial int64) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: cert}, keyFile: {Type: "PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// hang begins a request over https and does not finish it. When hang returns the request is at work: the answer to Expect says so.
func (p *process) hang() (conn *tls.Conn) {
	p.t.Helper()
	conn, err := tls.Dial("tcp", p.at.HTTPS, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { conn.Close() })
	if _, err := fmt.Fprintf(conn, "POST /add_events HTTP/1.1\r\nHost: x\r\ntopic: t\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"); err != nil {
		p.t.Fatal(err)
	}
	reader := bufio.NewReader(conn)
	for _, want := range []string{"HTTP/1.1 100 Continue\r\n", "\r\n"} {
		if line, err := reader.ReadString('\n'); err != nil || line != want {
			p.t.Fatalf("%q, %v", line, err)
		}
	}
	return conn
}

// term asks it to stop and waits until it says that it does.
func (p *process) term() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	eventually(p.t, "readiness to end", func() bool {
		r, err := client.Get(p.admin() + "/readyz")
		if err != nil {
			return false
		}
		defer r.Body.Close()
		text, _ := io.ReadAll(r.Body)
		return r.StatusCode == http.StatusServiceUnavailable && strings.Contains(string(text), "shutting down")
	})
}

// TestStopFinishesWhatHasBegun: a request that was at work when the stop came is answered, and kept.
func TestStopFinishesWhatHasBegun(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	p := serveAt(t, dir)
	conn := p.hang()
	p.term()
	if _, err := conn.Write([]byte("{}")); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || answer.StatusCode != http.StatusAccepted || !answer.Close {
		t.Errorf("%+v, %v; want 202 and the connection closed", answer, err)
	}
	select {
	case <-p.ended:
	case <-time.After(patience):
		t.Fatal("it does not end")
	}
	if exit := p.cmd.ProcessState.ExitCode(); exit != exitOK {
		t.Errorf("exit %d", exit)
	}
	if exit, out, errs := penstock(t, "log", "dump", dir); exit != exitOK || strings.Count(out, "\n") != 1 || !strings.Contains(out, `"value":{}`) {
		t.Errorf("dump: exit %d\n%s%s", exit, out, errs)
	}
}

// TestStopWaitsForNobodyForever: a client that hangs is cut off in time, and that is a good end.
func TestStopWaitsForNobodyForever(t *testing.T) {
	p := serveAt(t, filepath.Join(t.TempDir(), "data"), "--shutdown-timeout", "1s")
	p.post("http://"+p.at.HTTP, "clicks", `{}`)
	p.hang()
	p.stop()
	if log := p.stderr.String(); !strings.Contains(log, "cut off who had not finished") {
		t.Errorf("the log is\n%s", log)
	}
}

// TestSecondSignal: whoever says it twice does not want to wait.
func TestSecondSignal(t *testing.T) {
	p := serveAt(t, filepath.Join(t.TempDir(), "data"), "--shutdown-timeout", "1h")
	p.hang()
	p.term()
	if exit := p.signal(syscall.SIGTERM); exit != exitFailed {
		t.Errorf("exit %d", exit)
	}
}
