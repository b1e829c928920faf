package config

import (
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"penstock/wire"
)

// Topic is what the file's topics section says of one topic.
type Topic struct {
	Columns wire.Columns
	Line    int // where it stands in the file
}

// The keys of a topic.
const (
	timeColumn = "time_column"
	timeFormat = "time_format"
	shardKey   = "shard_key"
)

func (r *reading) topics(node *yaml.Node) {
	node = resolve(node)
	if node.Kind != yaml.MappingNode {
		r.fail(node.Line, "topics: expected topics' names, as cooltopic: {time_column: ts}")
		return
	}
	topics := map[string]Topic{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		switch before, again := topics[key.Value]; {
		case key.Kind != yaml.ScalarNode || !wire.ValidTopic(key.Value):
			r.fail(key.Line, "topics: %q is not a topic: %s", key.Value, wire.BadTopic.Text())
		case again:
			r.fail(key.Line, "topics: %s stands already on line %d; keep one", key.Value, before.Line)
		default:
			topics[key.Value] = Topic{Columns: r.columns(key.Value, value), Line: key.Line}
		}
	}
	r.into.Config.Topics = topics
}

func (r *reading) columns(topic string, node *yaml.Node) (c wire.Columns) {
	hasFormat := false
	keys := []string{timeColumn, timeFormat, shardKey}
	r.mapping(node, "what is known of topic "+topic+", as {time_column: ts, shard_key: sk}", keys,
		func(name string, _, value *yaml.Node) {
			text, ok := r.scalar(topic+"."+name, value, false)
			if ok && strings.TrimSpace(text) == "" {
				r.fail(value.Line, "%s.%s is empty; give a name, or leave the key out", topic, name)
				return
			}
			switch name {
			case timeColumn:
				c.Time = text
			case shardKey:
				c.Key = text
			case timeFormat:
				unit, known := wire.ParseUnit(text)
				if ok && !known {
					r.fail(value.Line, "%s.%s: %s is not one of milliseconds, seconds, microseconds", topic, name, strconv.Quote(text))
				}
				c.Unit, hasFormat = unit, true
			}
		})
	if hasFormat && c.Time == "" {
		r.fail(node.Line, "topic %s has a time_format and no time_column; name the column, or leave the format out", topic)
	}
	return c
}
