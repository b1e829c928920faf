package wire

import "testing"

// Every kind has a name of its own that is read back, and a topic that can be one.
func TestKinds(t *testing.T) {
	topics := DefaultTopics()
	seen := map[string]Kind{}
	for k := range kinds {
		name := k.String()
		if other, taken := seen[name]; taken || name == "" {
			t.Errorf("kinds %d and %d are both named %q", other, k, name)
		}
		seen[name] = k
		if back, ok := ParseKind(name); !ok || back != k {
			t.Errorf("%q is read as %d, %v", name, back, ok)
		}
		if !ValidTopic(topics[k]) || string(topics[k]) == RejectedTopic {
			t.Errorf("%s goes to %q", name, topics[k])
		}
	}
	for _, name := range []string{"", "Metric", "metrics", "metric ", "events", RejectedTopic} {
		if k, ok := ParseKind(name); ok || k != 0 {
			t.Errorf("%q is read as %d, %v", name, k, ok)
		}
	}
	if !ValidTopic(RejectedTopic) {
		t.Error("what is refused has nowhere to go")
	}
}

// The topics as they are documented.
func TestDefaultTopics(t *testing.T) {
	topics := DefaultTopics()
	for k, want := range map[Kind]string{KindMetric: "metrics", KindEvent: "events", KindCheck: "checks", KindElement: "elements",
		KindTopology: "topology", KindHealth: "health", KindSegment: "segment"} {
		if string(topics[k]) != want {
			t.Errorf("%v goes to %q", k, topics[k])
		}
	}
	other := DefaultTopics()
	other[KindMetric] = []byte("mine")
	other[KindEvent][0] = 'E'
	if again := DefaultTopics(); string(topics[KindMetric]) != "metrics" || string(again[KindEvent]) != "events" {
		t.Error("one caller's topics are another's")
	}
}
