package main

import (
	"encoding/json"
	"fmt"
	"os"

	"penstock/benchmarks/machine"
)

// results is all that a run found. Tables and plots are made of it alone, so that they can be made again from a file.
type results struct {
	Machine machine.Machine
	Sum     uint32 // of what is sent
	Rounds  int
	Quick   bool               // at sizes that say nothing
	Seconds map[string]float64 // that each part took

	Fill    *filling    `json:",omitempty"`
	Restart *restarting `json:",omitempty"`
	Spread  []*cell     `json:",omitempty"`
	Read    *reading    `json:",omitempty"`
}

// filling is the whole, sent row by row.
type filling struct {
	Rows    []row
	Events  int64
	OnDisk  int64 // bytes that they take, room prepared for the next ones included
	Refused int64 // requests that were told to come again
}

// row is a part of the whole.
type row struct {
	Sent                int64 // bytes of bodies, up to its end
	Events              int64
	CPU, Seconds        float64 // the server's; on the wall
	Resident, Anonymous int64   // bytes of memory at its end: all, and what is no file's
}

func (r row) cost() float64 { return r.CPU / (float64(r.Events) / 1e6) }

// restarting is how soon the server is ready again on all that is kept.
type restarting struct {
	OnDisk int64
	Ways   []*way
}

// way is one to stop a server.
type way struct {
	Name    string
	Seconds []float64 // from exec to ready, of each round
}

// cell is one server under one load.
type cell struct {
	Family        string
	Number        int // of topics, shards or connections
	Bytes         int64
	CPU, Costs    []float64 // seconds, and seconds per million events, of each round
	Memory        []float64 // MiB that are no file's
	topics, conns int
	shards        int
}

func (c *cell) name() string { return fmt.Sprint(c.Number, " ", c.Family) }

// reading is what each way to read costs.
type reading struct {
	Ways    []*reader
	Missing string // why nginx is not among them
}

// save writes the results as JSON.
func (r *results) save(path string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}

// readResults reads what save wrote.
func readResults(path string) (*results, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var r results
	if err := json.Unmarshal(text, &r); err != nil || r.Rounds == 0 {
		return nil, fmt.Errorf("%s is no result of this command: %v", path, err)
	}
	return &r, nil
}
