package appliance

import (
	"crypto/tls"
	"errors"
	"runtime"
	"slices"

	"penstock/appliance/config"
	"penstock/appliance/intake"
	"penstock/appliance/kafka"
	"penstock/wire"
)

// openCertificate opens the certificate that HTTPS and the Kafka listener have in common, when one of them needs it.
func (a *Appliance) openCertificate() (err error) {
	c := &a.config
	if https := c.HTTPS != config.Off && slices.Contains(c.Roles, "listener"); https || c.Kafka != config.Off && c.KafkaTLS == "on" {
		a.certs, err = intake.OpenKeyring(c.TLSCert, c.TLSKey, c.DataDir, a.log)
	}
	return err
}

// kafkaTLS is how the Kafka listener speaks TLS; nil: it does not.
func (a *Appliance) kafkaTLS() *tls.Config {
	if a.config.KafkaTLS != "on" {
		return nil
	}
	return a.certs.Config()
}

// kafkaUsers is who may log in to the Kafka listener.
func (a *Appliance) kafkaUsers() map[string]kafka.User {
	rights := map[string]kafka.Right{"read": kafka.Read, "write": kafka.Write, "admin": kafka.Admin}
	all := map[string]kafka.User{}
	for name, said := range a.config.KafkaUsers {
		user := kafka.User{Verifiers: said.Passwords}
		for _, right := range said.May {
			user.May |= rights[right]
		}
		all[name] = user
	}
	return all
}

// kept is what the settings say of how topics are kept.
func (a *Appliance) kept() kafka.Kept {
	c := &a.config
	shards := c.Shards
	if shards == 0 {
		shards = runtime.GOMAXPROCS(0)
	}
	return kafka.Kept{Retention: c.Retention, RetentionBytes: map[string]int64{wire.RejectedTopic: c.RejectedBytes}, SegmentBytes: c.SegmentBytes,
		MessageBytes: c.MaxBodyBytes, Packed: packs(c), Shards: shards, Topics: c.MaxTopics}
}

// topicGone is what is to be forgotten when a topic was deleted over Kafka's protocol: what its events meant, and who had read how far.
func (a *Appliance) topicGone(topic string) error {
	var err error
	if a.catalog.Columns([]byte(topic)) != nil {
		err = a.catalog.SetColumns(topic, nil)
	}
	return errors.Join(err, a.topicDeleted(topic))
}
