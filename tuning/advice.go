package tuning

import (
	"slices"
	"time"
)

// Want is what an appliance asks of its host: its own settings, at their most.
type Want struct {
	Connections int // open at once, all listeners together
	Listeners   int // sockets that share an address, each with its queue
	Logs        int // topics × shards
	Writers     int // threads that write logs

	SegmentBytes   int64
	Retention      time.Duration
	RetentionBytes int64 // 0 = no limit
	MinFree        int64 // free space below which the oldest goes early; 0 = the lesser of 1 GiB and a twentieth of the disk
	DatagramBuffer int64 // what each UDP socket asks for

	Pinned []int // CPUs that writers are kept on
}

// State is what an Advice comes to.
type State int

// The states, worst first.
const (
	Danger  State = iota // what was acknowledged is at risk
	Change               // something should be changed
	Unknown              // it could not be found out
	Note                 // nothing to change, and worth knowing
	Fine
)

var stateNames = [...]string{"danger", "change", "unknown", "note", "ok"}

func (s State) String() string { return stateNames[s] }

// MarshalText implements encoding.TextMarshaler.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Advice is one thing looked at: what it is, what it should be, why, and how to change it.
type Advice struct {
	Name   string   `json:"name"`
	State  State    `json:"state"`
	Is     string   `json:"is"`
	Should string   `json:"should,omitempty"`
	Why    string   `json:"why,omitempty"`
	How    []string `json:"how,omitempty"`    // lines to type or to put into a file
	Sysctl *Sysctl  `json:"sysctl,omitempty"` // what Apply sets, and what the machine should have after its next start too
}

// Check compares a host with what is wanted. It is a pure function; the worst comes first.
func Check(h *Host, p *Probes, w Want) []Advice {
	var all []Advice
	for _, check := range []func(*Host, *Probes, Want) []Advice{
		checkMount, checkDisks, checkPreallocate, checkSync, checkSpace, // what an acknowledgement stands on
		checkFiles, checkMappings, checkDirty, checkSwap, checkOvercommit, checkHugePages, checkMemoryLimit,
		checkBacklog, checkDatagrams, checkTCPMemory, checkCards,
		checkCPUs, checkGovernor, checkNodes, checkClocksource, checkClock, checkPins,
	} {
		all = append(all, check(h, p, w)...)
	}
	slices.SortStableFunc(all, func(a, b Advice) int { return int(a.State) - int(b.State) })
	return all
}

// ToChange counts what should be changed.
func ToChange(all []Advice) (n int) {
	for _, a := range all {
		if a.State <= Change {
			n++
		}
	}
	return n
}

// unread is the advice about something that could not be read.
func unread(name, what string) []Advice {
	return []Advice{{Name: name, State: Unknown, Is: "cannot be read", Why: what}}
}
