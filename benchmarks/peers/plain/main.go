// Command plain is the service that one would write in an afternoon: net/http, encoding/json into a struct, one write to a file per event.
// It prints "listening on HOST:PORT" and serves until it is interrupted.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
)

type event struct {
	TS     int64   `json:"ts"`
	Key    string  `json:"key"`
	Level  string  `json:"level"`
	Status int     `json:"status"`
	Value  float64 `json:"value"`
	OK     bool    `json:"ok"`
	Msg    string  `json:"msg"`
}

func main() {
	addr := flag.String("addr", "127.0.0.1:0", "listen here")
	path := flag.String("file", "events.ndjson", "append the events to this file")
	flag.Parse()
	if err := run(*addr, *path); err != nil {
		fmt.Fprintln(os.Stderr, "plain:", err)
		os.Exit(1)
	}
}

func run(addr, path string) error {
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
	return http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := keep(r, file); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusAccepted)
	}))
}

// keep reads a request's lines and writes each to the file; appending is atomic, so that requests may do it at once.
func keep(r *http.Request, file *os.File) error {
	for lines := bufio.NewScanner(r.Body); ; {
		if !lines.Scan() {
			return lines.Err()
		}
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return err
		}
		if e.Key == "" {
			return fmt.Errorf("an event without a key")
		}
		if _, err := file.Write(append(lines.Bytes(), '\n')); err != nil {
			return err
		}
	}
}
