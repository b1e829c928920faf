package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// rollWatch tells when a log begins or finishes a segment, so that a kill can be aimed at that moment.
type rollWatch struct {
	rolled chan struct{} // has something as soon as a segment's file came, went, or got its name
	notes  *os.File
}

// watchRolls watches the logs under a data directory. inotify(7) is the only source that is quick enough: a roll takes about a millisecond.
func watchRolls(dataDir string) (*rollWatch, error) {
	fd, err := syscall.InotifyInit1(syscall.IN_CLOEXEC | syscall.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("inotify_init1: %w", err)
	}
	w := &rollWatch{rolled: make(chan struct{}, 1), notes: os.NewFile(uintptr(fd), "inotify")}
	logs, err := filepath.Glob(filepath.Join(dataDir, "topics", "*"))
	if err != nil {
		panic("BUG: the pattern of the logs' directories is bad: " + err.Error())
	}
	for _, dir := range logs {
		if _, err := syscall.InotifyAddWatch(fd, dir, syscall.IN_CREATE|syscall.IN_MOVED_TO|syscall.IN_DELETE); err != nil {
			w.close()
			return nil, fmt.Errorf("inotify_add_watch %s: %w", dir, err)
		}
	}
	go w.read()
	return w, nil
}

// read ends when the watch is closed.
func (w *rollWatch) read() {
	buf := make([]byte, 64<<10)
	for {
		n, err := w.notes.Read(buf)
		if err != nil {
			return
		}
		if segmentNamed(buf[:n]) {
			select {
			case w.rolled <- struct{}{}:
			default:
			}
		}
	}
}

// segmentNamed says whether one of the events concerns a segment's file: its log or an index, also under a name for the time being.
func segmentNamed(events []byte) bool {
	const header = syscall.SizeofInotifyEvent
	for len(events) >= header {
		nameLength := binary.NativeEndian.Uint32(events[header-4:]) // the last field in front of the name
		end := min(header+int(nameLength), len(events))
		name := events[header:end]
		if bytes.Contains(name, []byte(".log")) || bytes.Contains(name, []byte("index")) {
			return true
		}
		events = events[end:]
	}
	return false
}

func (w *rollWatch) close() { w.notes.Close() }
