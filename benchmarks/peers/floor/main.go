// Command floor does less than anybody who keeps a record for each line: it reads lines from sockets, and writes so many bytes to a file for
// each. It looks at nothing but the line ends, what it writes is made before, and it writes over what it wrote, so that no memory has to be
// found for it or given back. What a line costs here is the floor under every line wire of ours.
//
//	floor --addr 127.0.0.1:0 --file records --record 208
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
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// readBytes is how much is read at once, at most, as a fast sender's buffer is here; fileBytes is where writing begins anew.
const (
	readBytes = 256 << 10
	fileBytes = 64 << 20
)

func main() {
	addr := flag.String("addr", "127.0.0.1:0", "listen here")
	path := flag.String("file", "records", "write to this file")
	record := flag.Int("record", 208, "`BYTES` that are written for each line")
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
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	count, err := counter(path + ".count")
	if err != nil {
		return err
	}
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
			if err := keep(c, file, record, count); err != nil {
				fmt.Fprintln(os.Stderr, "floor:", err)
			}
		}()
	}
}

// counter makes a file of one number, the records written, and maps it: whoever waits for them reads it there.
func counter(path string) (*atomic.Int64, error) {
	if err := os.WriteFile(path, make([]byte, 8), 0o600); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	mapping, err := unix.Mmap(int(file.Fd()), 0, 8, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, os.NewSyscallError("mmap", err)
	}
	return (*atomic.Int64)(unsafe.Pointer(&mapping[0])), nil
}

// keep writes record bytes for each line of a connection, as many at once as fit what is read at once.
func keep(lines io.Reader, file io.WriterAt, record int, count *atomic.Int64) error {
	text, records := make([]byte, readBytes), bytes.Repeat([]byte{'r'}, readBytes/record*record)
	for at := int64(0); ; {
		n, err := lines.Read(text)
		for left := bytes.Count(text[:n], []byte{'\n'}) * record; left > 0; {
			written, err := file.WriteAt(records[:min(left, len(records))], at)
			if err != nil {
				return err
			}
			left -= written
			count.Add(int64(written / record))
			if at += int64(written); at >= fileBytes {
				at = 0
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
