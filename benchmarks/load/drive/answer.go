package drive

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"syscall"

	"penstock/benchmarks/load/wires"
)

type verdict int

const (
	accepted verdict = iota
	overloaded
	refused
)

// answer is what we need of one.
type answer struct {
	verdict verdict
	kind    kind // when it is refused
	last    bool // the server ends the connection
}

// kind is a kind of error. It is a key, and makes no text before somebody reads it.
type kind struct {
	what string
	code int
}

func (k kind) String() string {
	if k.code == 0 {
		return k.what
	}
	return k.what + " " + strconv.Itoa(k.code)
}

var (
	errLast    = errors.New("the server ended the connection, as it said")
	errUnasked = errors.New("an answer that nobody asked for")
	errNoHTTP  = errors.New("no HTTP answer")
	errNoKafka = errors.New("no Produce response")
)

func kindOf(err error) kind {
	switch {
	case errors.Is(err, errLast):
		return kind{"closed as announced, with requests under way", 0}
	case errors.Is(err, errUnasked), errors.Is(err, errNoHTTP), errors.Is(err, errNoKafka):
		return kind{err.Error(), 0}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return kind{"no answer in time", 0}
	case errors.Is(err, syscall.ECONNREFUSED):
		return kind{"connection refused", 0}
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return kind{"connection reset", 0}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return kind{"connection closed", 0}
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return kind{"no local port is free", 0}
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return kind{"too many open files", 0}
	}
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return kind{"not connected in time", 0}
	}
	var number syscall.Errno
	if errors.As(err, &number) {
		return kind{number.Error(), 0}
	}
	return kind{"connection failed", 0}
}

func reader(t wires.Transport, silent bool) func(*bufio.Reader) (answer, error) {
	switch {
	case silent:
		return nil
	case t == wires.Kafka:
		return readKafka
	case t == wires.HTTP:
		return readHTTP
	}
	return nil
}

// readHTTP reads an HTTP/1.1 answer to its end.
func readHTTP(in *bufio.Reader) (a answer, err error) {
	line, err := readLine(in)
	if err != nil {
		return a, err
	}
	if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.")) {
		return a, errNoHTTP
	}
	status, ok := number(line[9:12])
	if !ok {
		return a, errNoHTTP
	}
	a.last = line[7] == '0'
	length, chunked := -1, false
	for {
		if line, err = readLine(in); err != nil {
			return a, err
		}
		if len(line) == 0 {
			break
		}
		switch value, name := headerOf(line); name {
		case contentLength:
			if length, ok = number(value); !ok {
				return a, errNoHTTP
			}
		case transferEncoding:
			chunked = true
		case connection:
			a.last = bytes.EqualFold(value, []byte("close"))
		}
	}
	switch {
	case status < 200:
		return readHTTP(in) // the answer proper follows
	case status == 204 || status == 304:
	case chunked:
		err = skipChunks(in)
	case length >= 0:
		_, err = in.Discard(length)
	default: // until the server closes
		a.last = true
	}
	switch {
	case status < 300:
	case status == 429 || status == 503:
		a.verdict = overloaded
	default:
		a.verdict, a.kind = refused, kind{"status", status}
	}
	return a, err
}

type header int

const (
	otherHeader header = iota
	contentLength
	transferEncoding
	connection
)

// headerOf tells the headers apart that say how an answer ends. Most of the others are told by their length.
func headerOf(line []byte) (value []byte, h header) {
	at := bytes.IndexByte(line, ':')
	if at < 0 {
		return nil, otherHeader
	}
	name, value := line[:at], bytes.TrimSpace(line[at+1:])
	switch {
	case at == len("Content-Length") && bytes.EqualFold(name, []byte("Content-Length")):
		return value, contentLength
	case at == len("Transfer-Encoding") && bytes.EqualFold(name, []byte("Transfer-Encoding")):
		return value, transferEncoding
	case at == len("Connection") && bytes.EqualFold(name, []byte("Connection")):
		return value, connection
	}
	return nil, otherHeader
}

// readLine reads a line, without its end; it is valid until the next.
func readLine(in *bufio.Reader) ([]byte, error) {
	line, err := in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		err = errNoHTTP
	}
	return bytes.TrimRight(line, "\r\n"), err
}

func number(text []byte) (n int, ok bool) {
	if len(text) == 0 || len(text) > 9 {
		return 0, false
	}
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int(c-'0')
	}
	return n, true
}

// skipChunks reads a chunked body to its end.
func skipChunks(in *bufio.Reader) error {
	for {
		line, err := readLine(in)
		if err != nil {
			return err
		}
		size := 0
		for _, c := range line {
			digit := bytes.IndexByte([]byte("0123456789abcdef"), c|0x20)
			if digit < 0 || size > 1<<26 {
				break
			}
			size = size<<4 | digit
		}
		if size == 0 {
			for { // trailers, and the empty line
				if line, err = readLine(in); err != nil || len(line) == 0 {
					return err
				}
			}
		}
		if _, err = in.Discard(size + len("\r\n")); err != nil {
			return err
		}
	}
}

// The errors by which a Kafka broker says "try again".
const (
	kafkaRequestTimedOut   = 7
	kafkaNotEnoughReplicas = 19
	kafkaThrottled         = 89
)

// readKafka reads the Produce response to a request of one partition.
func readKafka(in *bufio.Reader) (a answer, err error) {
	const size, correlation, topics, name = 4, 4, 4, 2
	head, err := in.Peek(size + correlation + topics + name)
	if err != nil {
		return a, err
	}
	length := int(binary.BigEndian.Uint32(head))
	at := len(head) + int(binary.BigEndian.Uint16(head[len(head)-name:])) + 4 + 4 // the name, how many partitions, the partition
	if length < at || length > 1<<20 {
		return a, errNoKafka
	}
	if head, err = in.Peek(at + 2); err != nil {
		return a, err
	}
	switch code := int(int16(binary.BigEndian.Uint16(head[at:]))); code {
	case 0:
	case kafkaRequestTimedOut, kafkaNotEnoughReplicas, kafkaThrottled:
		a.verdict = overloaded
	default:
		a.verdict, a.kind = refused, kind{"Kafka error", code}
	}
	_, err = in.Discard(size + length)
	return a, err
}
