package config

import (
	"bytes"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"penstock/wire"
)

// Forward is what the file's forward section says of one target.
type Forward struct {
	To      string   // kafka://…
	Topics  []string // patterns; none = all topics but the appliance's own
	Rename  string   // "" = {topic}
	Headers string   // on or off
	Line    int      // where it stands in the file
}

// The keys of a target.
const (
	forwardKey  = "forward"
	toKey       = "to"
	renameKey   = "rename"
	headersKey  = "headers"
	topicHolder = "{topic}"
)

// forward reads
//
//	forward:
//	  lake: {to: "kafka://b1:9092,b2:9092", topics: [metrics, "web*"], rename: "site1.{topic}", headers: on}
func (r *reading) forward(node *yaml.Node) {
	r.into.Config.Forwards = map[string]Forward{}
	r.named(node, "forward", "as lake: {to: \"kafka://host:9092\"}", func(name string, key, value *yaml.Node) {
		f := Forward{Headers: "on", Line: key.Line}
		known := []string{toKey, topicKeys, renameKey, headersKey}
		r.mapping(value, "what is brought to "+name+", as {to: \"kafka://host:9092\"}", known, func(what string, _, value *yaml.Node) {
			if what == topicKeys {
				f.Topics = r.patterns(name, value)
				return
			}
			text, ok := r.scalar(name+"."+what, value, false)
			if !ok {
				return
			}
			switch what {
			case toKey:
				f.To = text
			case renameKey:
				f.Rename = r.rename(name, text, value.Line)
			case headersKey:
				if f.Headers = text; text != "on" && text != "off" {
					r.fail(value.Line, "forward: %s.headers is on or off, not %q", name, text)
				}
			}
		})
		if f.To == "" && len(r.errors) == 0 {
			r.fail(key.Line, "forward: %s does not say where to; write to: kafka://host:9092", name)
		}
		r.into.Config.Forwards[name] = f
	})
}

func (r *reading) patterns(name string, node *yaml.Node) []string {
	patterns := r.items(name+"."+topicKeys, node)
	for _, p := range patterns {
		if _, err := path.Match(p, ""); err != nil || p == "" {
			r.fail(node.Line, "forward: %s.topics has %q, which is no name and no pattern of names, as web* or log-?", name, p)
		}
	}
	return patterns
}

// rename checks a pattern by the name that it gives a topic. Without the topic's name in it, every topic would end in one.
func (r *reading) rename(name, text string, line int) string {
	if !strings.Contains(text, topicHolder) || !wire.ValidTopic(strings.ReplaceAll(text, topicHolder, "t")) {
		r.fail(line, "forward: %s.rename must be a topic's name with %s in it, as site1.%s, not %q", name, topicHolder, topicHolder, text)
	}
	return text
}

// checkForwards finds two targets that would write the same.
func (c *Config) checkForwards() (all []error) {
	seen := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(c.Forwards)) {
		f := c.Forwards[name]
		if !strings.HasPrefix(f.To, "kafka://") {
			all = append(all, fmt.Errorf("forward.%s.to is %q: write a Kafka cluster's address, as kafka://host:9092", name, f.To))
		}
		if f.To == c.Log && (f.Rename == "" || f.Rename == topicHolder) {
			all = append(all, fmt.Errorf("forward.%s brings topics to the cluster that keeps them already (log): rename them, or leave it out", name))
		}
		key := f.To + " " + f.Rename + " " + strings.Join(f.Topics, ",")
		if other, twice := seen[key]; twice {
			all = append(all, fmt.Errorf("forward.%s and forward.%s bring the same topics to the same place: leave one out", other, name))
		}
		seen[key] = name
	}
	return all
}

func (e *Effective) printForwards(out *bytes.Buffer) error {
	if len(e.Config.Forwards) == 0 {
		return nil
	}
	out.WriteString("\n# Which clusters get a copy\nforward:\n")
	for _, name := range slices.Sorted(maps.Keys(e.Config.Forwards)) {
		f := e.Config.Forwards[name]
		node := yaml.Node{Kind: yaml.MappingNode, Style: yaml.FlowStyle}
		add := func(key string, value *yaml.Node) {
			node.Content = append(node.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: key}, value)
		}
		add(toKey, stringNode(f.To))
		if len(f.Topics) > 0 {
			topics := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
			for _, pattern := range f.Topics {
				topics.Content = append(topics.Content, stringNode(pattern))
			}
			add(topicKeys, topics)
		}
		if f.Rename != "" {
			add(renameKey, stringNode(f.Rename))
		}
		add(headersKey, &yaml.Node{Kind: yaml.ScalarNode, Value: f.Headers})
		if err := e.printEntry(out, name, &node, f.Line); err != nil {
			return err
		}
	}
	return nil
}
