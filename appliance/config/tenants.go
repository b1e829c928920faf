package config

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"go.yaml.in/yaml/v3"

	"penstock/wire"
)

// Tenant is what the file's tenants section says of one tenant.
type Tenant struct {
	Keys  []KeySum
	Wires []string // where the keys hold; empty = every wire that asks for keys
	Line  int      // where it stands in the file
}

// KeySum is a key's SHA-256: the file never holds a key.
type KeySum [sha256.Size]byte

// String writes the sum as the file has it.
func (k KeySum) String() string { return keyPrefix + hex.EncodeToString(k[:]) }

// HashKey makes the sum of a key.
func HashKey(key []byte) KeySum { return sha256.Sum256(key) }

const (
	keyPrefix  = "sha256:"
	tenantsKey = "tenants"
	keysKey    = "keys"
	wiresKey   = "wires"
	topicKeys  = "topics"

	templatesKey = "templates"
)

func parseKeySum(text string) (sum KeySum, ok bool) {
	digits, ok := strings.CutPrefix(text, keyPrefix)
	if !ok || len(digits) != hex.EncodedLen(len(sum)) {
		return sum, false
	}
	_, err := hex.Decode(sum[:], []byte(digits))
	return sum, err == nil
}

// tenants reads
//
//	tenants:
//	  acme: {keys: ["sha256:…"], wires: [cloudwisdom, stackstate]}
//
// A value that is no sum is never repeated in an error: it may be the key itself.
func (r *reading) tenants(node *yaml.Node) {
	r.into.Config.Tenants = map[string]Tenant{}
	held := map[KeySum]string{}
	r.named(node, "tenants", "as acme: {keys: [\"sha256:…\"]}", func(name string, key, value *yaml.Node) {
		tenant := Tenant{Line: key.Line}
		r.mapping(value, "what is known of tenant "+name+", as {keys: [\"sha256:…\"]}", []string{keysKey, wiresKey}, func(what string, at, value *yaml.Node) {
			for _, item := range r.items(name+"."+what, value) {
				if what == wiresKey {
					tenant.Wires = append(tenant.Wires, item)
					continue
				}
				sum, ok := parseKeySum(item)
				switch other, again := held[sum]; {
				case !ok:
					r.fail(at.Line, "tenants: %s has a key that is not written as sha256: and 64 hex digits; `penstock config hash-key` makes that of a key", name)
				case again:
					r.fail(at.Line, "tenants: %s and %s have the same key; a key names one tenant", other, name)
				default:
					held[sum] = name
					tenant.Keys = append(tenant.Keys, sum)
				}
			}
		})
		if len(tenant.Keys) == 0 && len(r.errors) == 0 {
			r.fail(key.Line, "tenants: %s has no keys; give one, or leave the tenant out", name)
		}
		r.into.Config.Tenants[name] = tenant
	})
}

// Wire is what the file's wires section says of one wire.
type Wire struct {
	Topics    map[wire.Kind]string
	Templates []string // of Graphite's tag parser
	Line      int
}

// wires reads
//
//	wires:
//	  kairosdb: {topics: {metric: kairos-metrics}}
//	  graphite: {templates: ["^servers .host.metric*"]}
func (r *reading) wires(node *yaml.Node) {
	r.into.Config.Wires = map[string]Wire{}
	r.named(node, "wires", "as kairosdb: {topics: {metric: kairos-metrics}}", func(name string, key, value *yaml.Node) {
		w := Wire{Topics: map[wire.Kind]string{}, Line: key.Line}
		r.mapping(value, "what is known of wire "+name+", as {topics: {metric: m}}", []string{topicKeys, templatesKey}, func(what string, _, value *yaml.Node) {
			if what == templatesKey {
				w.Templates = r.texts(name+"."+what, value)
				return
			}
			r.mapping(value, "topics of "+name+", as {metric: m}", kindNames(), func(kind string, at, value *yaml.Node) {
				topic, ok := r.scalar(name+".topics."+kind, value, false)
				if ok && !wire.ValidTopic(topic) {
					r.fail(value.Line, "wires: %s.topics.%s: %q is not a topic: %s", name, kind, topic, wire.BadTopic.Text())
				}
				k, _ := wire.ParseKind(kind)
				w.Topics[k] = topic
			})
		})
		r.into.Config.Wires[name] = w
	})
}

func kindNames() (all []string) {
	for k := range len(wire.Topics{}) {
		all = append(all, wire.Kind(k).String())
	}
	return all
}

// named calls each for every entry of a section whose keys are names of the operator's choosing.
func (r *reading) named(node *yaml.Node, section, example string, each func(name string, key, value *yaml.Node)) {
	node = resolve(node)
	if node.Kind != yaml.MappingNode {
		r.fail(node.Line, "%s: expected names, %s", section, example)
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		switch before, again := seen[key.Value]; {
		case key.Kind != yaml.ScalarNode || !wire.ValidTopic(key.Value) || len(key.Value) > nameMost:
			r.fail(key.Line, "%s: a name must be 1 to %d of a-z A-Z 0-9 . _ -", section, nameMost)
		case again:
			r.fail(key.Line, "%s: %s stands already on line %d; keep one", section, key.Value, before)
		default:
			seen[key.Value] = key.Line
			each(key.Value, key, value)
		}
	}
}

// texts is a list whose items may hold anything.
func (r *reading) texts(name string, node *yaml.Node) (all []string) {
	node = resolve(node)
	if node.Kind != yaml.SequenceNode {
		r.fail(node.Line, "%s: expected a list, as [\"…\", \"…\"]", name)
		return nil
	}
	for _, item := range node.Content {
		if text, ok := r.scalar(name, item, false); ok {
			all = append(all, text)
		}
	}
	return all
}

// nameMost is the longest name of a tenant: it is written into every record.
const nameMost = 64

// items is a list's items, or the one that stands for a list.
func (r *reading) items(name string, node *yaml.Node) (all []string) {
	text, ok := r.scalar(name, node, true)
	if !ok {
		return nil
	}
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item != "" {
			all = append(all, item)
		}
	}
	return all
}
