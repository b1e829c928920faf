package config

import (
	"bytes"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"penstock/appliance/kafka/scram"
)

// KafkaUser is what the file's kafka-users section says of one user.
type KafkaUser struct {
	Passwords []scram.Verifier // one for each mechanism: the file never holds a password
	May       []string         // of KafkaRights
	Line      int              // where it stands in the file
}

// KafkaRights is what users of the Kafka listener may be allowed.
var KafkaRights = []string{"read", "write", "admin"}

const (
	kafkaUsersKey = "kafka-users"
	passwordKey   = "password"
	mayKey        = "may"
)

// kafkaUsers reads
//
//	kafka-users:
//	  ada: {password: "SCRAM-SHA-256$…", may: [read, write]}
//
// A value that is no verifier is never repeated in an error: it may be the password itself.
func (r *reading) kafkaUsers(node *yaml.Node) {
	r.into.Config.KafkaUsers = map[string]KafkaUser{}
	r.named(node, kafkaUsersKey, "as ada: {password: \"SCRAM-SHA-256$…\", may: [read]}", func(name string, key, value *yaml.Node) {
		user := KafkaUser{Line: key.Line}
		r.mapping(value, "what is known of user "+name+", as {password: \"SCRAM-SHA-256$…\", may: [read]}", []string{passwordKey, mayKey}, func(what string, at, value *yaml.Node) {
			for _, item := range r.items(name+"."+what, value) {
				if what == passwordKey {
					r.password(&user, name, item, at.Line)
				} else if !slices.Contains(KafkaRights, item) {
					r.fail(at.Line, "kafka-users: %s may %q, which is not one of read, write, admin", name, item)
				} else if !slices.Contains(user.May, item) {
					user.May = append(user.May, item)
				}
			}
		})
		if len(r.errors) == 0 && (len(user.Passwords) == 0 || len(user.May) == 0) {
			r.fail(key.Line, "kafka-users: %s needs a password and what the user may, as {password: \"SCRAM-SHA-256$…\", may: [read]}", name)
		}
		r.into.Config.KafkaUsers[name] = user
	})
}

func (r *reading) password(user *KafkaUser, name, text string, line int) {
	v, err := scram.Parse(strings.TrimSuffix(text, "\n")) // a block of YAML ends with a line end
	if err != nil {
		r.fail(line, "kafka-users: the password of %s can't stand here: %v; `penstock config hash-password` makes what can", name, err)
		return
	}
	for i := range user.Passwords {
		if user.Passwords[i].Hash == v.Hash {
			r.fail(line, "kafka-users: %s has two passwords for %s; keep one", name, v.Hash.Name())
			return
		}
	}
	user.Passwords = append(user.Passwords, v)
}

// printKafkaUsers writes the users; of their passwords nobody knows more than the verifiers.
func (e *Effective) printKafkaUsers(out *bytes.Buffer) error {
	if len(e.Config.KafkaUsers) == 0 {
		return nil
	}
	out.WriteString("\n# Who may log in to the Kafka listener\nkafka-users:\n")
	for _, name := range slices.Sorted(maps.Keys(e.Config.KafkaUsers)) {
		user := e.Config.KafkaUsers[name]
		passwords := make([]string, len(user.Passwords))
		for i := range user.Passwords {
			passwords[i] = user.Passwords[i].String()
		}
		node := yaml.Node{Kind: yaml.MappingNode, Style: yaml.FlowStyle}
		for _, list := range []struct {
			key   string
			items []string
		}{{passwordKey, passwords}, {mayKey, user.May}} {
			sequence := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
			for _, item := range list.items {
				sequence.Content = append(sequence.Content, stringNode(item))
			}
			node.Content = append(node.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: list.key}, sequence)
		}
		if err := e.printEntry(out, name, &node, user.Line); err != nil {
			return err
		}
	}
	return nil
}
