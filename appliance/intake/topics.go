package intake

import (
	"fmt"
	"maps"
	"slices"

	"penstock/wire"
)

// newTopics says for each format where its records of each kind go.
func newTopics(said map[string]map[wire.Kind]string, formats []wire.Format) ([]*wire.Topics, error) {
	all := make([]*wire.Topics, len(formats))
	for i := range formats {
		all[i] = wire.DefaultTopics()
	}
	for _, name := range slices.Sorted(maps.Keys(said)) {
		i := slices.IndexFunc(formats, func(f wire.Format) bool { return f.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("intake: topics are named for the wire %s, and there is none of that name", name)
		}
		for kind, topic := range said[name] {
			if !wire.ValidTopic(topic) {
				return nil, fmt.Errorf("intake: %s of %s can't go to topic %q: %s", kind, name, topic, wire.BadTopic.Text())
			}
			all[i][kind] = []byte(topic)
		}
	}
	return all, nil
}
