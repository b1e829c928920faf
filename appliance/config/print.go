package config

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"

	"go.yaml.in/yaml/v3"
)

// Print writes every setting as YAML that Load reads back to the same Config, with what it is and where its value came from.
func (e *Effective) Print(w io.Writer) error {
	var out bytes.Buffer
	group := ""
	for i := range settings {
		s := &settings[i]
		if s.Group != group {
			if group != "" {
				out.WriteByte('\n')
			}
			group = s.Group
			fmt.Fprintf(&out, "# %s\n", group)
		}
		value, err := scalarText(s.Value(&e.Config).String())
		if err != nil {
			return err
		}
		fmt.Fprintf(&out, "%-40s # %s\n", s.Name+": "+value, e.Origin(s.Name))
	}
	if err := e.printTopics(&out); err != nil {
		return err
	}
	if err := e.printTenants(&out); err != nil {
		return err
	}
	if err := e.printWires(&out); err != nil {
		return err
	}
	if err := e.printKafkaUsers(&out); err != nil {
		return err
	}
	if err := e.printForwards(&out); err != nil {
		return err
	}
	_, err := w.Write(out.Bytes())
	return err
}

func (e *Effective) printTopics(out *bytes.Buffer) error {
	if len(e.Config.Topics) == 0 {
		return nil
	}
	out.WriteString("\n# What the members of a topic's events mean\ntopics:\n")
	for _, name := range slices.Sorted(maps.Keys(e.Config.Topics)) {
		topic := e.Config.Topics[name]
		node := yaml.Node{Kind: yaml.MappingNode, Style: yaml.FlowStyle}
		add := func(key, value string) {
			if value != "" {
				node.Content = append(node.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: key}, stringNode(value))
			}
		}
		add(timeColumn, topic.Columns.Time)
		if topic.Columns.Time != "" {
			add(timeFormat, topic.Columns.Unit.String())
		}
		add(shardKey, topic.Columns.Key)
		if err := e.printEntry(out, name, &node, topic.Line); err != nil {
			return err
		}
	}
	return nil
}

// printTenants writes the tenants; their keys are only known by their sums.
func (e *Effective) printTenants(out *bytes.Buffer) error {
	if len(e.Config.Tenants) == 0 {
		return nil
	}
	out.WriteString("\n# Who may send: the SHA-256 of each key\ntenants:\n")
	for _, name := range slices.Sorted(maps.Keys(e.Config.Tenants)) {
		tenant := e.Config.Tenants[name]
		node := yaml.Node{Kind: yaml.MappingNode, Style: yaml.FlowStyle}
		list := func(key string, items []string) {
			sequence := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
			for _, item := range items {
				sequence.Content = append(sequence.Content, stringNode(item))
			}
			if len(items) > 0 {
				node.Content = append(node.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: key}, sequence)
			}
		}
		sums := make([]string, len(tenant.Keys))
		for i, key := range tenant.Keys {
			sums[i] = key.String()
		}
		list(keysKey, sums)
		list(wiresKey, tenant.Wires)
		if err := e.printEntry(out, name, &node, tenant.Line); err != nil {
			return err
		}
	}
	return nil
}

func (e *Effective) printWires(out *bytes.Buffer) error {
	if len(e.Config.Wires) == 0 {
		return nil
	}
	out.WriteString("\n# Where a wire's records go\nwires:\n")
	for _, name := range slices.Sorted(maps.Keys(e.Config.Wires)) {
		said := e.Config.Wires[name]
		topics := &yaml.Node{Kind: yaml.MappingNode, Style: yaml.FlowStyle}
		for _, kind := range slices.Sorted(maps.Keys(said.Topics)) {
			topics.Content = append(topics.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: kind.String()}, stringNode(said.Topics[kind]))
		}
		node := yaml.Node{Kind: yaml.MappingNode, Style: yaml.FlowStyle}
		if len(said.Topics) > 0 {
			node.Content = append(node.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: topicKeys}, topics)
		}
		if len(said.Templates) > 0 {
			templates := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
			for _, text := range said.Templates {
				templates.Content = append(templates.Content, stringNode(text))
			}
			node.Content = append(node.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: templatesKey}, templates)
		}
		if err := e.printEntry(out, name, &node, said.Line); err != nil {
			return err
		}
	}
	return nil
}

// printEntry writes one entry of a section on a line of its own, however long it is.
func (e *Effective) printEntry(out *bytes.Buffer, name string, node *yaml.Node, line int) error {
	text, err := yaml.Marshal(node)
	if err != nil {
		return err
	}
	key, err := scalarText(name)
	if err != nil {
		return err
	}
	text = bytes.ReplaceAll(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"), nil)
	fmt.Fprintf(out, "  %s: %s # %s\n", key, text, Origin{Kind: FromFile, Name: e.File, Line: line})
	return nil
}

// stringNode is a string that YAML will not take for anything else.
func stringNode(text string) *yaml.Node {
	var n yaml.Node
	n.SetString(text)
	return &n
}

// scalarText writes a value on one line, quoted where YAML would read something else.
func scalarText(text string) (string, error) {
	node := stringNode(text)
	node.Style = 0
	if text == "" || bytes.ContainsAny([]byte(text), "\n\r") {
		node.Style = yaml.DoubleQuotedStyle
	}
	// Numbers, off and the like are read as they are written (see reading.scalar), so only the syntax needs quotes.
	node.Tag = ""
	out, err := yaml.Marshal(node)
	if err != nil {
		return "", err
	}
	return string(bytes.TrimSuffix(out, []byte("\n"))), nil
}
