package intake

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"penstock/wire"
)

// newTopics says for each format where its records of each kind go.
func newTopics(said map[string]map[wire.Kind]string, formats []wire.Format) ([]*wire.Topics, error) {
	all := make([]*wire.Topics, len(formats))
	for i := range formats {
		all[i] = wire.DefaultTopics()
	}
	names := make([]string, len(formats))
	for i := range formats {
		names[i] = formats[i].Name
	}
	for _, name := range slices.Sorted(maps.Keys(said)) {
		i := slices.Index(names, name)
		if i < 0 {
			return nil, fmt.Errorf("wires: there is no wire %s: choose from %s", name, strings.Join(names, ", "))
		}
		for kind, topic := range said[name] {
			if !wire.ValidTopic(topic) {
				return nil, fmt.Errorf("wires: %s of %s can't go to topic %q: %s", kind, name, topic, wire.BadTopic.Text())
			}
			all[i][kind] = []byte(topic)
		}
	}
	return all, nil
}
