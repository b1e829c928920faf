package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"penstock/benchmarks/child"
)

const (
	redisStreams = 8
	natsConns    = 8
	natsWindow   = 512 // unacknowledged messages, over all connections
)

// redis syncs its append-only file before it answers.
func redis(b *bench) (*server, error) {
	at, err := child.FreeAddress()
	if err != nil {
		return nil, err
	}
	_, port, err := net.SplitHostPort(at)
	if err != nil {
		return nil, err
	}
	s, err := launch(b.root, b.tools["redis-server"], func(home string) []string {
		return []string{"--bind", "127.0.0.1", "--port", port, "--dir", home, "--appendonly", "yes", "--appendfsync", "always",
			"--save", "", "--auto-aof-rewrite-percentage", "0"}
	})
	if err != nil {
		return nil, err
	}
	s.addr, s.taken = at, redisLength
	return s, s.Listens(at)
}

// redisLength is how many events are in all of the streams.
func redisLength(s *server) (n int64, err error) {
	for i := range redisStreams {
		line, err := ask(s.addr, fmt.Sprintf("XLEN s%d\r\n", i), func(b []byte) bool { return bytes.HasSuffix(b, crlf) })
		if err != nil {
			return 0, err
		}
		one, err := strconv.ParseInt(strings.TrimSpace(strings.TrimPrefix(line, ":")), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("XLEN answers %q", line)
		}
		n += one
	}
	return n, nil
}

var crlf = []byte("\r\n")

// redisReply reads XADD's reply, the entry's ID: $15, and the text.
func redisReply(b []byte) (int, says) {
	line := bytes.Index(b, crlf)
	switch {
	case line < 0:
		return 0, nothing
	case b[0] != '$':
		return line + len(crlf), failed
	}
	length, err := strconv.Atoi(string(b[1:line]))
	if err != nil {
		return line + len(crlf), failed
	}
	if size := line + length + 2*len(crlf); size <= len(b) {
		return size, accepted
	}
	return 0, nothing
}

// nats is a NATS server with JetStream, which syncs each message before it acknowledges it, and one stream in files. A message has so
// many events.
func nats(events int64) start {
	return func(b *bench) (*server, error) { return natsServer(b, events) }
}

func natsServer(b *bench, events int64) (*server, error) {
	at, err := child.FreeAddress()
	if err != nil {
		return nil, err
	}
	s, err := configured(b, "nats-server", func(home string) string {
		return fmt.Sprintf("listen: %q\njetstream { store_dir: %q, sync_interval: always, max_mem: 64MB, max_file: 16GB }\n", at, home+"/data")
	}, "-c")
	if err != nil {
		return nil, err
	}
	s.addr = at
	s.taken = func(s *server) (int64, error) {
		n, err := natsMessages(s)
		return n * events, err
	}
	if err := s.Listens(at); err != nil {
		return s, err
	}
	const stream = `{"name":"` + topic + `","subjects":["` + topic + `"],"storage":"file","retention":"limits","num_replicas":1}`
	return s, s.Within(15*time.Second, func() error {
		_, err := jetStream(s.addr, "STREAM.CREATE", stream)
		return err
	})
}

// jetStream calls JetStream's API about our stream.
func jetStream(addr, what, body string) (string, error) {
	answer, err := ask(addr, fmt.Sprintf("%sPUB $JS.API.%s.%s %s %d\r\n%s\r\n", natsGreeting(0), what, topic, natsInbox(0), len(body), body),
		func(b []byte) bool { size, _ := natsMessage(b); return size > 0 })
	if err != nil {
		return "", err
	}
	_, text := natsMessage([]byte(answer))
	if bytes.Contains(text, []byte(`"error"`)) {
		return "", fmt.Errorf("%s: %s", what, text)
	}
	return string(text), nil
}

// natsMessages is how many messages are in the stream.
func natsMessages(s *server) (int64, error) {
	text, err := jetStream(s.addr, "STREAM.INFO", "")
	if err != nil {
		return 0, err
	}
	var info struct{ State struct{ Messages int64 } }
	err = json.Unmarshal([]byte(text), &info)
	return info.State.Messages, err
}

func natsInbox(conn int) string { return "_INBOX." + strconv.Itoa(conn) }

// natsGreeting turns off what is not needed and asks for what comes to the connection's inbox.
func natsGreeting(conn int) string {
	return `CONNECT {"verbose":false,"pedantic":false,"tls_required":false,"lang":"go","version":"0","protocol":1}` +
		"\r\nSUB " + natsInbox(conn) + " 1\r\n"
}

// natsReply reads what a server sends: acknowledgements, and its own INFO and PING, which are no replies.
func natsReply(b []byte) (int, says) {
	size, text := natsMessage(b)
	switch {
	case size == 0:
		return 0, nothing
	case bytes.Contains(text, []byte(`"seq":`)):
		return size, accepted
	}
	return size, failed
}

// natsMessage finds the first whole MSG in b, with all that stands before it.
func natsMessage(b []byte) (size int, text []byte) {
	for at := 0; ; {
		end := bytes.Index(b[at:], crlf)
		if end < 0 {
			return 0, nil
		}
		line := b[at : at+end]
		at += end + len(crlf)
		switch {
		case bytes.HasPrefix(line, []byte("-ERR")):
			return at, line
		case !bytes.HasPrefix(line, []byte("MSG ")):
			continue
		}
		length, err := strconv.Atoi(string(line[bytes.LastIndexByte(line, ' ')+1:]))
		if err != nil {
			return at, line
		}
		if at+length+len(crlf) > len(b) {
			return 0, nil
		}
		return at + length + len(crlf), b[at : at+length]
	}
}

// ask says something on a connection of its own and returns the answer, as soon as it is whole.
func ask(addr, what string, whole func([]byte) bool) (string, error) {
	conn, err := net.Dial("tcp4", addr)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return "", err
	}
	if _, err := conn.Write([]byte(what)); err != nil {
		return "", err
	}
	var answer []byte
	for b := make([]byte, 64<<10); ; {
		n, err := conn.Read(b)
		if answer = append(answer, b[:n]...); whole(answer) {
			return string(answer), nil
		}
		if err != nil {
			return "", fmt.Errorf("%w after %.200q", err, answer)
		}
	}
}
