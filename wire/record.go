package wire

// Record is one record on its way to a log: what a reader will find as a Kafka record.
//
// All byte fields alias the request's payload or the Batch's scratch; they are valid until the Batch is Reset.
type Record struct {
	Topic []byte // a valid topic name (see ValidTopic)
	Key   []byte // shard key; nil is Kafka's null key, and the router then keeps a request's records together
	Value []byte // what is kept; nil is Kafka's null value
	Time  int64  // event time, milliseconds since 1970; the time of arrival where the wire knows none
	// Hash is Key's by the batch's Hash, where a parser remembers it; 0: it is not known.
	Hash uint64
	// ID is what the sender calls the record, within its topic: one with the ID of another that is kept is a repeat of it, and is
	// not kept again. nil: the wire has none, or the sender gave none.
	ID []byte
	// Headers is what the record carries beside its value, as Kafka lays it out: a varint of how many headers there are, and then they. nil: none.
	Headers []byte
}

// Columns says which members of a topic's JSON events are the time and the shard key.
// It is what the table that a topic feeds knows about it; plain data, not a lookup.
type Columns struct {
	Time string // member that holds the event time; "" = time of arrival
	Unit Unit   // unit of that member
	Key  string // member that holds the shard key; "" = null key
}

// Unit is the unit of a Unix time column.
type Unit uint8

// The Unix units that `table create` knows (Interana's own names).
const (
	Milliseconds Unit = iota
	Seconds
	Microseconds
)

var unitNames = [...]string{Milliseconds: "milliseconds", Seconds: "seconds", Microseconds: "microseconds"}

func (u Unit) String() string { return unitNames[u] }

// ParseUnit reads a unit's name.
func ParseUnit(name string) (Unit, bool) {
	for u, n := range unitNames {
		if n == name {
			return Unit(u), true
		}
	}
	return 0, false
}

// TopicMax is the longest topic name, as in Kafka.
const TopicMax = 249

// ValidTopic reports whether name can be a topic: [a-zA-Z0-9._-]{1,249}, and neither "." nor ".." (a topic is a directory's name).
func ValidTopic[T ~string | ~[]byte](name T) bool {
	if len(name) == 0 || len(name) > TopicMax {
		return false
	}
	dots := 0
	for i := 0; i < len(name); i++ {
		c := name[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '-':
		case c == '.':
			dots++
		default:
			return false
		}
	}
	return !(dots == len(name) && dots <= 2)
}
