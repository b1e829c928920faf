package drive

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Partitions makes topics on a Kafka broker, where they are missing, and returns the partitions that this broker leads.
func Partitions(ctx context.Context, address string, config *tls.Config, topics []string) (map[string][]int32, error) {
	options := []kgo.Opt{kgo.SeedBrokers(address), kgo.ClientID("load"), kgo.RetryTimeout(0), kgo.RequestRetries(3)}
	if config != nil {
		options = append(options, kgo.DialTLSConfig(config))
	}
	client, err := kgo.NewClient(options...)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	if err := makeTopics(ctx, client, topics); err != nil {
		return nil, err
	}
	ask := kmsg.NewPtrMetadataRequest()
	for _, name := range topics {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = kmsg.StringPtr(name)
		ask.Topics = append(ask.Topics, t)
	}
	told, err := ask.RequestWith(ctx, client)
	if err != nil {
		return nil, fmt.Errorf("asking for partitions: %w", err)
	}
	node, err := nodeAt(told, address)
	if err != nil {
		return nil, err
	}
	partitions := map[string][]int32{}
	for _, t := range told.Topics {
		if err := kerr.ErrorForCode(t.ErrorCode); err != nil || t.Topic == nil {
			return nil, fmt.Errorf("asking for a topic's partitions: %w", err)
		}
		for _, p := range t.Partitions {
			if p.Leader == node {
				partitions[*t.Topic] = append(partitions[*t.Topic], p.Partition)
			}
		}
	}
	for _, name := range topics {
		if len(partitions[name]) == 0 {
			return nil, fmt.Errorf("the broker leads no partition of topic %s", name)
		}
	}
	return partitions, nil
}

func makeTopics(ctx context.Context, client *kgo.Client, topics []string) error {
	create := kmsg.NewPtrCreateTopicsRequest()
	create.TimeoutMillis = 10_000
	for _, name := range topics {
		t := kmsg.NewCreateTopicsRequestTopic()
		t.Topic, t.NumPartitions, t.ReplicationFactor = name, -1, -1
		create.Topics = append(create.Topics, t)
	}
	made, err := create.RequestWith(ctx, client)
	if err != nil {
		return fmt.Errorf("making topics: %w", err)
	}
	for _, t := range made.Topics {
		if err := kerr.ErrorForCode(t.ErrorCode); err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
			return fmt.Errorf("making topic %s: %w", t.Topic, err)
		}
	}
	return nil
}

// nodeAt is the node that listens at an address: the only one, or the one that says so.
func nodeAt(told *kmsg.MetadataResponse, address string) (int32, error) {
	for _, b := range told.Brokers {
		if len(told.Brokers) == 1 || net.JoinHostPort(b.Host, strconv.Itoa(int(b.Port))) == address {
			return b.NodeID, nil
		}
	}
	return 0, fmt.Errorf("none of the cluster's brokers says that it is at %s: name one by the address that it advertises", address)
}
