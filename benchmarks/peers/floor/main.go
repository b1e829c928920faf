// Command floor does what nobody who keeps a record for each line can do without: it reads lines from sockets, and writes so many bytes to a
// file for each. It looks at nothing but the line ends, and what it writes is made before. What a line costs here is the floor under
// every line wire of ours.
//
//	floor --addr 127.0.0.1:0 --file records --record 300
//
// It prints one line, "listening on HOST:PORT", and serves until it is interrupted.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
)

// readBytes is how much is read at once, at most, as a fast sender's buffer is here.
const readBytes = 256 << 10

func main() {
	addr := flag.String("addr", "127.0.0.1:0", "listen here")
	path := flag.String("file", "records", "append to this file")
	record := flag.Int("record", 300, "`BYTES` that are written for each line")
	flag.Parse()
	if err := run(*addr, *path, *record); err != nil {
		fmt.Fprintln(os.Stderr, "floor:", err)
		os.Exit(1)
	}
}

func run(addr, path string, record int) error {
	if record < 1 || record > 4096 {
		return errors.New("--record must be between 1 and 4096")
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	l, err := net.Listen("tcp4", addr)
	if err != nil {
		return err
	}
	fmt.Println("listening on", l.Addr())
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer c.Close()
			if err := keep(c, file, record); err != nil {
				fmt.Fprintln(os.Stderr, "floor:", err)
			}
		}()
	}
}

// keep writes record bytes for each line of a connection, as many at once as fit what is read at once.
func keep(lines io.Reader, file io.Writer, record int) error {
	text, records := make([]byte, readBytes), bytes.Repeat([]byte{'r'}, readBytes/record*record)
	for {
		n, err := lines.Read(text)
		for left := bytes.Count(text[:n], []byte{'\n'}) * record; left > 0; {
			written, err := file.Write(records[:min(left, len(records))])
			if err != nil {
				return err
			}
			left -= written
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
