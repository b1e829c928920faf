package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"penstock/benchmarks/child"
)

// reader is a way to read what is kept.
type reader struct {
	Name   string
	Bytes  int64     // to read; the whole is read again until then
	Costs  []float64 // CPU seconds of the server, per GB
	Rates  []float64 // GB a second
	server *child.Process
	read   func(most int64) (bytes int64, err error) // of batches or files, or of values
}

// reading measures what a GB read costs the server, in rounds over all ways.
func (b *bench) reading() error {
	defer b.took("read", time.Now())
	home, empty := b.home("read")
	defer empty()
	s, _, err := b.start(home, "--kafka", "127.0.0.1:0", "--shards", "1")
	if err != nil {
		return err
	}
	defer s.End()
	l, err := connect(s.http, sendersMost, b.events)
	if err != nil {
		return err
	}
	events, err := l.send(b.read / 2)
	l.close()
	if err != nil {
		return err
	}
	if err := s.settle(); err != nil {
		return err
	}
	b.note("read: %d events are there", events)
	r := &reading{Ways: []*reader{
		{Name: "Kafka fetch", server: s.Process, Bytes: b.read, read: s.fetch},
		{Name: "GET …/records", server: s.Process, Bytes: b.records, read: s.pages},
		{Name: "penstock tail --format value", server: s.Process, Bytes: b.records, read: func(most int64) (int64, error) { return b.tail(s, most) }},
	}}
	nginx, from, err := b.nginx(filepath.Join(dataIn(home), "topics", topicName(0)+"-0"))
	if err != nil {
		r.Missing = err.Error()
		b.note("read: no nginx: %v", err)
	} else {
		defer nginx.End()
		r.Ways = append([]*reader{{Name: "nginx, sendfile", server: nginx, Bytes: b.read, read: from}}, r.Ways...)
	}
	if err := b.readRounds(r.Ways); err != nil {
		return fmt.Errorf("%w\n%s", err, s.LogEnd())
	}
	b.results.Read = r
	return nil
}

func (b *bench) readRounds(ways []*reader) error {
	for round := range b.rounds + 1 { // the first is not counted: it warms
		for _, w := range ways {
			began, before := time.Now(), w.server.CPU()
			got, err := w.read(w.Bytes)
			if err != nil {
				return fmt.Errorf("%s: %w", w.Name, err)
			}
			gb := float64(got) / 1e9
			cost, rate := (w.server.CPU()-before).Seconds()/gb, gb/time.Since(began).Seconds()
			if got == 0 {
				return fmt.Errorf("%s: nothing came", w.Name)
			}
			b.note("read: round %d of %d, %s: %.3f CPU s per GB", round, b.rounds, w.Name, cost)
			if round > 0 {
				w.Costs, w.Rates = append(w.Costs, cost), append(w.Rates, rate)
			}
		}
	}
	return nil
}

// fetchMost is how much a fetch asks for of one shard: Kafka's own consumer's size.
const fetchMost = 1 << 20

// fetch reads the topic over the Kafka port, as a consumer does, and looks only at what it must: where the next fetch begins.
func (s *penstock) fetch(most int64) (size int64, err error) {
	conn, err := net.Dial("tcp4", s.kafka)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(loadMax)); err != nil {
		return 0, err
	}
	formatter := kmsg.NewRequestFormatter(kmsg.FormatterClientID("scale"))
	var out []byte
	in := make([]byte, 4<<20)
	for next := int64(0); size < most; {
		out = formatter.AppendRequest(out[:0], fetchFrom(next), 0)
		if _, err := conn.Write(out); err != nil {
			return 0, err
		}
		if _, err := io.ReadFull(conn, in[:4]); err != nil {
			return 0, err
		}
		n := int(binary.BigEndian.Uint32(in))
		if n > len(in) || n < 5 {
			return 0, fmt.Errorf("an answer of %d bytes", n)
		}
		if _, err := io.ReadFull(conn, in[:n]); err != nil {
			return 0, err
		}
		var got int64
		if got, next, err = lastFetched(in[5:n]); err != nil { // behind the correlation and no tags
			return 0, err
		}
		size += got
	}
	return size, nil
}

func fetchFrom(offset int64) *kmsg.FetchRequest {
	r := kmsg.NewPtrFetchRequest()
	r.Version, r.ReplicaID, r.SessionEpoch = 12, -1, -1
	r.MaxWaitMillis, r.MinBytes, r.MaxBytes = 500, 1, 50<<20
	p := kmsg.NewFetchRequestTopicPartition()
	p.FetchOffset, p.PartitionMaxBytes = offset, fetchMost
	t := kmsg.NewFetchRequestTopic()
	t.Topic, t.Partitions = topicName(0), append(t.Partitions, p)
	r.Topics = append(r.Topics, t)
	return r
}

// lastFetched is how many bytes of batches an answer has, and where to go on: 0 at the end, so that the topic is read again.
func lastFetched(answer []byte) (size, next int64, err error) {
	r := kmsg.NewPtrFetchResponse()
	r.Version = 12
	if err := r.ReadFrom(answer); err != nil {
		return 0, 0, err
	}
	if len(r.Topics) != 1 || len(r.Topics[0].Partitions) != 1 {
		return 0, 0, errors.New("an answer without the topic")
	}
	p := &r.Topics[0].Partitions[0]
	if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
		return 0, 0, err
	}
	batches := p.RecordBatches
	const head = 61
	for at := 0; at+head <= len(batches); at += 12 + int(binary.BigEndian.Uint32(batches[at+8:])) {
		next = int64(binary.BigEndian.Uint64(batches[at:])) + int64(binary.BigEndian.Uint32(batches[at+23:])) + 1
	}
	if next >= p.HighWatermark {
		next = 0
	}
	if len(batches) == 0 {
		err = errors.New("an answer without batches")
	}
	return int64(len(batches)), next, err
}

// client is for answers of hundreds of megabytes.
var client = &http.Client{Timeout: time.Minute}

// pages reads records as JSON lines, a page after the other.
func (s *penstock) pages(most int64) (size int64, err error) {
	for at := ""; size < most; {
		r, err := client.Get(s.Admin + "/v1/topics/" + topicName(0) + "/records?limit=100000" + at)
		if err != nil {
			return 0, err
		}
		n, err := io.Copy(io.Discard, r.Body)
		r.Body.Close()
		if err == nil && (r.StatusCode != http.StatusOK || n == 0) {
			err = fmt.Errorf("%s, %d bytes", r.Status, n)
		}
		if err != nil {
			return 0, err
		}
		size += n
		next, end := r.Trailer.Get("Penstock-Next"), r.Header.Get("Penstock-End")
		if next == "" {
			next = r.Header.Get("Penstock-Next")
		}
		if at = "&next=" + next; next == "" || next == end {
			at = ""
		}
	}
	return size, nil
}

// tail has the command print values.
func (b *bench) tail(s *penstock, most int64) (size int64, err error) {
	cmd := exec.Command(b.bin, "tail", topicName(0), "--admin", s.Admin, "--format", "value", "--limit", fmt.Sprint(most/(eventSize+1)))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	size, err = io.Copy(io.Discard, out)
	return size, errors.Join(err, cmd.Wait())
}

const nginxConfig = `daemon off;
worker_processes 1;
pid %[1]s/pid;
error_log %[1]s/error;
events { worker_connections 64; }
http {
	access_log off;
	sendfile on;
	tcp_nopush on;
	keepalive_requests 1000000;
	client_body_temp_path %[1]s/1; proxy_temp_path %[1]s/2; fastcgi_temp_path %[1]s/3; uwsgi_temp_path %[1]s/4; scgi_temp_path %[1]s/5;
	server { listen %[2]s; root %[3]s; }
}
`

// nginx starts nginx on the files of a shard, and returns what reads them.
func (b *bench) nginx(dir string) (*child.Process, func(most int64) (int64, error), error) {
	bin, err := exec.LookPath("nginx")
	if err != nil {
		if bin = "/usr/sbin/nginx"; !there(bin) {
			return nil, nil, errors.New("it is not installed (Debian: nginx-light)")
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil || len(files) == 0 {
		return nil, nil, fmt.Errorf("no segments in %s: %v", dir, err)
	}
	slices.Sort(files)
	addr, err := child.FreeAddress()
	if err != nil {
		return nil, nil, err
	}
	home := filepath.Join(b.root, "nginx")
	if err := os.Mkdir(home, 0o755); err != nil {
		return nil, nil, err
	}
	// Its worker gives up root, and shall reach the files all the same.
	user := ""
	if os.Geteuid() == 0 {
		user = "user root;\n"
	}
	config := filepath.Join(home, "config")
	if err := os.WriteFile(config, []byte(user+fmt.Sprintf(nginxConfig, home, addr, dir)), 0o644); err != nil {
		return nil, nil, err
	}
	p, err := child.Start(home, bin, "-p", home, "-c", config, "-e", filepath.Join(home, "error"))
	if err != nil {
		return nil, nil, err
	}
	if err := p.Listens(addr); err != nil {
		p.End()
		return nil, nil, err
	}
	return p, func(most int64) (int64, error) { return getFiles(addr, files, most) }, nil
}

func there(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// getFiles gets one file after the other over a connection and throws them away.
func getFiles(addr string, files []string, most int64) (size int64, err error) {
	conn, err := net.Dial("tcp4", addr)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(loadMax)); err != nil {
		return 0, err
	}
	in := bufio.NewReaderSize(conn, 1<<20)
	for i := 0; size < most; i++ {
		if _, err := fmt.Fprintf(conn, "GET /%s HTTP/1.1\r\nHost: a\r\n\r\n", filepath.Base(files[i%len(files)])); err != nil {
			return 0, err
		}
		r, err := http.ReadResponse(in, nil)
		if err != nil {
			return 0, err
		}
		n, err := io.Copy(onlyWriter{io.Discard}, r.Body)
		r.Body.Close()
		if err == nil && r.StatusCode != http.StatusOK {
			err = errors.New(r.Status)
		}
		if err != nil {
			return 0, err
		}
		size += n
	}
	return size, nil
}

// onlyWriter hides what else a writer can, so that io.Copy has one buffer.
type onlyWriter struct{ io.Writer }
