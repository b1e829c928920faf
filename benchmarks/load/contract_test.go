package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
)

// contract is the smallest server that keeps the contract which the load is made for: two shards a topic, an answer when the records are
// written, and a log that a kill does not tear. It keeps records in memory, and in files where it has a directory.
//
// A lie breaks the contract at one point, by name; a fault happens to a request and breaks nothing.
type contract struct {
	dir   string
	lie   string
	fault func(n int) fault // for the nth request, from 1; nil: none

	mu     sync.Mutex
	n      int
	topics map[string]*[2]shardLog
}

type fault int

const (
	noFault         fault = iota
	refuseIt              // 503, nothing kept
	breakIt               // 500, nothing kept
	cutUnkept             // the connection ends without an answer, nothing kept
	cutKept               // the same, kept
	cutInAnswer           // half an answer, kept
	answerThenClose       // 202, and the connection ends
)

// shardLog is a shard's records, as the admin API tells them, without what stands before the time.
type shardLog struct {
	records [][]byte
	path    string // of the last file; "" in memory
	size    int64
}

const contractSegment = 128 << 10

// append keeps some records: all of them or, when killed, none.
func (l *shardLog) append(records [][]byte) {
	l.records = append(l.records, records...)
	if l.path == "" {
		return
	}
	if l.size > contractSegment {
		l.path, l.size = filepath.Join(filepath.Dir(l.path), fmt.Sprintf("%020d.log", len(l.records)-len(records))), 0
	}
	body := bytes.Join(records, []byte("\n"))
	frame := append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)
	f, err := os.OpenFile(l.path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err == nil {
		_, err = f.Write(frame)
		f.Close()
	}
	if err != nil {
		panic(err)
	}
	l.size += int64(len(frame))
}

// open reads a shard's files, and cuts off what a kill tore.
func (l *shardLog) open(dir, lie string) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		panic(err)
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*.log"))
	slices.Sort(files)
	var last [][]byte
	for _, l.path = range files {
		text, err := os.ReadFile(l.path)
		if err != nil {
			panic(err)
		}
		l.size = 0
		for rest := text; len(rest) >= 4; {
			n := 4 + int(binary.BigEndian.Uint32(rest))
			if n > len(rest) {
				break
			}
			last = bytes.Split(rest[4:n], []byte("\n"))
			l.records = append(l.records, last...)
			l.size += int64(n)
			rest = rest[n:]
		}
		if err := os.Truncate(l.path, l.size); err != nil {
			panic(err)
		}
	}
	if l.path == "" {
		l.path = filepath.Join(dir, fmt.Sprintf("%020d.log", 0))
	}
	switch {
	case len(last) == 0:
	case lie == "forgets what came last":
		l.records = l.records[:len(l.records)-len(last)]
	case lie == "doubles what came last":
		l.records = append(l.records, last...)
	case lie == "changes an old record":
		l.records[0] = bytes.Replace(l.records[0], []byte(`"seq"`), []byte(`"sEq"`), 1)
	}
}

func (c *contract) topic(name string) *[2]shardLog {
	if c.topics == nil {
		c.topics = map[string]*[2]shardLog{}
	}
	t := c.topics[name]
	if t == nil {
		t = &[2]shardLog{}
		for i := range t {
			if c.dir != "" {
				t[i].open(filepath.Join(c.dir, "topics", fmt.Sprintf("%s-%d", name, i)), c.lie)
			}
		}
		c.topics[name] = t
	}
	return t
}

func (c *contract) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/add_events" {
		c.addEvents(w, r)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch parts := bytes.Split([]byte(r.URL.Path), []byte("/")); {
	case r.URL.Path == "/readyz":
	case r.URL.Path == "/v1/topics":
		var q struct{ Name string }
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
			panic(err)
		}
		c.topic(q.Name)
		w.WriteHeader(http.StatusCreated)
	case len(parts) == 4:
		t := c.topic(string(parts[3]))
		fmt.Fprintf(w, `{"shards":[{"shard":0,"first":0,"next":%d},{"shard":1,"first":0,"next":%d}]}`, len(t[0].records), len(t[1].records))
	default:
		shard, _ := strconv.Atoi(r.FormValue("shard"))
		from, _ := strconv.Atoi(r.FormValue("from"))
		limit, _ := strconv.Atoi(r.FormValue("limit"))
		records := c.topic(string(parts[3]))[shard].records
		for i := from; i < min(from+limit, len(records)); i++ {
			fmt.Fprintf(w, `{"topic":"%s","shard":%d,"offset":%d,%s`+"\n", parts[3], shard, i, records[i])
		}
	}
}

func (c *contract) addEvents(w http.ResponseWriter, r *http.Request) {
	values := valuesOf(r)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
	f := noFault
	if c.fault != nil {
		f = c.fault(c.n)
	}
	switch {
	case f == refuseIt:
		w.Header().Set("Retry-After", "0")
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	case f == breakIt:
		w.WriteHeader(http.StatusInternalServerError)
		return
	case f == cutUnkept, c.lie == "hangs up" && c.n%20 == 0:
		panic(http.ErrAbortHandler)
	case c.lie == "ends by itself" && c.n == 40:
		os.Exit(3)
	case c.lie == "is ready and does nothing":
		c.mu.Unlock()
		<-r.Context().Done()
		c.mu.Lock()
		return
	}
	c.keep(r.Header.Get("topic"), values)
	switch {
	case f == cutKept:
		panic(http.ErrAbortHandler)
	case f == cutInAnswer:
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		_, _ = conn.Write([]byte("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n"))
		conn.Close()
		return
	case f == answerThenClose:
		w.Header().Set("Connection", "close")
	case c.lie == "keeps what it refuses" && c.n%20 == 0:
		w.Header().Set("Retry-After", "0")
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(http.StatusAccepted)
}

// keep routes values to their shards.
func (c *contract) keep(topic string, values [][]byte) {
	var parts [2][][]byte
	for _, v := range values {
		var e struct {
			TS int64
			SK string
		}
		if err := json.Unmarshal(v, &e); err != nil {
			panic(err)
		}
		h := fnv.New32a()
		h.Write([]byte(e.SK))
		shard := h.Sum32() / 7 % 2
		if c.lie == "forgets where a key lives" {
			shard = uint32(c.n / 10 % 2)
		}
		parts[shard] = append(parts[shard], fmt.Appendf(nil, `"time":%d,"key":"%s","value":%s}`, e.TS, e.SK, v))
	}
	t := c.topic(topic)
	for i := range t {
		switch {
		case len(parts[i]) == 0:
		case c.lie == "answers before it writes":
			time.AfterFunc(20*time.Millisecond, func() {
				c.mu.Lock()
				defer c.mu.Unlock()
				t[i].append(parts[i])
			})
		default:
			t[i].append(parts[i])
		}
	}
}

// valuesOf takes a request apart into events.
func valuesOf(r *http.Request) [][]byte {
	var body io.Reader = r.Body
	var err error
	switch r.Header.Get("Content-Encoding") {
	case "gzip":
		body, err = gzip.NewReader(body)
	case "deflate":
		body, err = zlib.NewReader(body)
	}
	if err != nil {
		panic(err)
	}
	text, err := io.ReadAll(body)
	if r.Method == http.MethodGet {
		text, err = base64.StdEncoding.DecodeString(r.FormValue("ia_data"))
	}
	if err != nil {
		panic(err)
	}
	var values [][]byte
	if text[0] == '[' {
		var list []json.RawMessage
		if err := json.Unmarshal(text, &list); err != nil {
			panic(err)
		}
		for _, v := range list {
			values = append(values, v)
		}
		return values
	}
	return bytes.Split(bytes.TrimSpace(text), []byte("\n"))
}

// serveContract runs a contract as a process of its own, as penstock serve is run.
func serveContract(args []string, lie string) error {
	if lie == "does not start" {
		return errors.New("a contract that does not start")
	}
	c := &contract{lie: lie}
	for i, a := range args {
		if a == "--data-dir" {
			c.dir = args[i+1]
		}
	}
	names, _ := filepath.Glob(filepath.Join(c.dir, "topics", "*-0"))
	for _, n := range names {
		c.topic(filepath.Base(n[:len(n)-len("-0")]))
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return err
	}
	text := fmt.Sprintf(`{"pid":%d,"http":%q,"admin":%q}`, os.Getpid(), listener.Addr(), listener.Addr())
	path := filepath.Join(c.dir, "addresses.json")
	if err := os.WriteFile(path+".tmp", []byte(text), 0o600); err != nil {
		return err
	}
	if err := os.Rename(path+".tmp", path); err != nil {
		return err
	}
	return http.Serve(listener, c)
}
