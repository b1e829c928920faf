package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// fileError is trouble with a line of the configuration file.
type fileError struct {
	path string
	line int // 0: no line in particular
	text string
}

func (e *fileError) Error() string {
	if e.line == 0 {
		return e.path + ": " + e.text
	}
	return e.path + ": line " + strconv.Itoa(e.line) + ": " + e.text
}

// reading is a configuration file on its way into an Effective. It collects every error, so that a person mends them in one go.
type reading struct {
	path   string
	into   *Effective
	errors []error
}

func (r *reading) fail(line int, format string, args ...any) {
	r.errors = append(r.errors, &fileError{path: r.path, line: line, text: fmt.Sprintf(format, args...)})
}

// readFile lays the YAML text of a configuration file over e. path is only named in errors and origins.
func (e *Effective) readFile(path string, text []byte) error {
	r := &reading{path: path, into: e}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var document, second yaml.Node
	switch err := decoder.Decode(&document); {
	case err == io.EOF:
		return nil // nothing in it, and nothing wrong with it
	case err != nil:
		return r.syntax(err)
	}
	if err := decoder.Decode(&second); err == nil {
		r.fail(second.Line, "a second document begins; keep one")
	} else if err != io.EOF {
		return r.syntax(err)
	}
	r.root(document.Content[0])
	return errors.Join(r.errors...)
}

// yamlLine is how the YAML library says where.
var yamlLine = regexp.MustCompile(`^(?:yaml: )?line (\d+): `)

func (r *reading) syntax(err error) error {
	text := err.Error()
	if at := yamlLine.FindStringSubmatch(text); at != nil {
		line, _ := strconv.Atoi(at[1])
		return &fileError{path: r.path, line: line, text: "not YAML: " + strings.TrimPrefix(text, at[0])}
	}
	return &fileError{path: r.path, text: "not YAML: " + strings.TrimPrefix(text, "yaml: ")}
}

const topicsKey = "topics"

func (r *reading) root(node *yaml.Node) {
	if isNull(node) {
		return
	}
	known := []string{topicsKey, tenantsKey, wiresKey, forwardKey}
	known = append(known, kafkaUsersKey)
	for i := range settings {
		known = append(known, settings[i].Name)
	}
	r.mapping(node, "settings, as data-dir: DIR", known, func(name string, key, value *yaml.Node) {
		switch name {
		case topicsKey:
			r.topics(value)
		case tenantsKey:
			r.tenants(value)
		case wiresKey:
			r.wires(value)
		case kafkaUsersKey:
			r.kafkaUsers(value)
		case forwardKey:
			r.forward(value)
		default:
			r.setting(find(name), value)
		}
	})
}

// mapping calls each for every pair whose key is known, with the key's known name: dashes and underscores are one letter here.
// Anything else about the mapping is an error.
func (r *reading) mapping(node *yaml.Node, what string, known []string, each func(name string, key, value *yaml.Node)) {
	node = resolve(node)
	if node.Kind != yaml.MappingNode {
		r.fail(node.Line, "expected %s", what)
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		name := ""
		for _, k := range known {
			if dashes(k) == dashes(key.Value) {
				name = k
			}
		}
		switch first, again := seen[name]; {
		case key.Kind != yaml.ScalarNode || key.Tag == "!!merge":
			r.fail(key.Line, "a key must be a name")
		case name == "":
			r.fail(key.Line, "unknown key %s%s", key.Value, didYouMean(key.Value, known))
		case again:
			r.fail(key.Line, "key %s stands already on line %d; keep one", key.Value, first)
		default:
			seen[name] = key.Line
			each(name, key, value)
		}
	}
}

func dashes(name string) string { return strings.ReplaceAll(name, "_", "-") }

func (r *reading) setting(s *Setting, node *yaml.Node) {
	text, ok := r.scalar(s.Name, node, s.isList())
	if !ok {
		return
	}
	if err := s.Value(&r.into.Config).Set(text); err != nil {
		r.fail(node.Line, "%s: %v", s.Name, err)
		return
	}
	r.into.origins[s.Name] = Origin{Kind: FromFile, Name: r.path, Line: node.Line}
}

// scalar is a node's text as it was written: no YAML type is guessed, so off stays off and 010 stays 010.
// A list is also taken as a YAML sequence.
func (r *reading) scalar(name string, node *yaml.Node, list bool) (string, bool) {
	line := node.Line
	node = resolve(node)
	switch {
	case isNull(node):
		r.fail(line, "%s has no value; give one, or leave the key out", name)
	case node.Kind == yaml.ScalarNode:
		return node.Value, true
	case list && node.Kind == yaml.SequenceNode:
		items := make([]string, len(node.Content))
		for i, item := range node.Content {
			text, ok := r.scalar(name, item, false)
			if !ok {
				return "", false
			}
			items[i] = text
		}
		return strings.Join(items, ","), true
	default:
		r.fail(line, "%s takes one value", name)
	}
	return "", false
}

func isNull(node *yaml.Node) bool { return node.Kind == yaml.ScalarNode && node.Tag == "!!null" }

// resolve follows an alias to what it stands for.
func resolve(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode {
		return node.Alias
	}
	return node
}
