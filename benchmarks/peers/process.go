package main

import (
	"os"
	"path/filepath"

	"penstock/benchmarks/child"
)

// server is a process under load, in a directory of its own.
type server struct {
	*child.Process
	home string

	addr  string // what the load goes to
	admin string // where it is asked what it has taken
	taken func(s *server) (int64, error)
}

// launch starts a program in a new directory below root.
func launch(root, bin string, args func(home string) []string) (*server, error) {
	home, err := os.MkdirTemp(root, filepath.Base(bin)+"-")
	if err != nil {
		return nil, err
	}
	p, err := child.Start(home, bin, args(home)...)
	if err != nil {
		os.RemoveAll(home)
		return nil, err
	}
	return &server{Process: p, home: home}, nil
}

// end kills the process and removes its directory.
func (s *server) end() {
	s.End()
	os.RemoveAll(s.home)
}
