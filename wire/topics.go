package wire

// Kind is what a normalised record is about.
type Kind uint8

// The kinds, with the topics they go to unless the configuration says otherwise.
const (
	KindMetric Kind = iota
	KindEvent
	KindCheck
	KindElement
	KindTopology
	KindHealth
	KindSegment // a Segment event: kept as sent

	kinds
)

var kindNames = [...]struct{ name, topic string }{
	KindMetric:   {"metric", "metrics"},
	KindEvent:    {"event", "events"},
	KindCheck:    {"check", "checks"},
	KindElement:  {"element", "elements"},
	KindTopology: {"topology", "topology"},
	KindHealth:   {"health", "health"},
	KindSegment:  {"segment", "segment"},
}

func (k Kind) String() string { return kindNames[k].name }

// ParseKind reads a kind's name.
func ParseKind(name string) (Kind, bool) {
	for k, n := range kindNames {
		if n.name == name {
			return Kind(k), true
		}
	}
	return 0, false
}

// Topics says where a wire's records of each kind go.
type Topics [kinds][]byte

// DefaultTopics is every kind's own topic.
func DefaultTopics() *Topics {
	var t Topics
	for k, n := range kindNames {
		t[k] = []byte(n.topic)
	}
	return &t
}

// RejectedTopic holds what was refused.
const RejectedTopic = "_rejected"
