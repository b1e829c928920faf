package shard

import "time"

// Ack is what a reply means: how safe the records are when the client is told they are kept.
type Ack uint8

// The three acknowledgement policies, safest first.
const (
	AckDisk Ack = iota // written and fdatasynced: survives power loss
	AckLog             // in the mapped log: survives kill -9, not power loss
	AckRing            // in the ring: survives nothing; for load tests
)

var ackNames = [...]string{AckDisk: "disk", AckLog: "log", AckRing: "ring"}

func (a Ack) String() string { return ackNames[a] }

// ParseAck reads a policy's name.
func ParseAck[T ~string | ~[]byte](name T) (Ack, bool) {
	for a, n := range ackNames {
		if n == string(name) {
			return Ack(a), true
		}
	}
	return 0, false
}

// AckTimeout is how long a request waits for its policy before it is answered "not acknowledged".
const AckTimeout = 30 * time.Second
