package e2e

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// broker is a running Apache Kafka: one node that is broker and controller, on the loopback address.
type broker struct {
	t       *testing.T
	dir     string // where its logs are: a topic's shard is a directory in it
	config  string
	options []string // Java's
	cmd     *exec.Cmd
	log     *syncBuffer
	Address string
}

// startBroker starts a broker with nothing in it, and waits until it serves. Settings are lines of its configuration. It ends with the test.
func startBroker(t *testing.T, settings ...string) *broker {
	t.Helper()
	controller := net.JoinHostPort("127.0.0.1", freePort(t))
	b := &broker{t: t, dir: filepath.Join(t.TempDir(), "logs"), Address: net.JoinHostPort("127.0.0.1", freePort(t)),
		options: []string{"-Xmx512m", "-XX:TieredStopAtLevel=1"}} // starts in half the time, and is slower once it runs
	b.config = writeFile(t, "server.properties", strings.Join(append([]string{
		"process.roles=broker,controller",
		"node.id=1",
		"controller.quorum.voters=1@" + controller,
		"controller.listener.names=CONTROLLER",
		"listeners=PLAINTEXT://" + b.Address + ",CONTROLLER://" + controller,
		"listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
		"log.dirs=" + b.dir,
		"broker.session.timeout.ms=2000", // for so long the controller waits for a broker that was killed before it takes it again
		"broker.heartbeat.interval.ms=500",
		"group.initial.rebalance.delay.ms=0",
		"offsets.topic.num.partitions=1",
		"offsets.topic.replication.factor=1",
		"transaction.state.log.num.partitions=1",
		"transaction.state.log.replication.factor=1",
		"transaction.state.log.min.isr=1",
		"share.coordinator.state.topic.num.partitions=1",
		"share.coordinator.state.topic.replication.factor=1",
		"share.coordinator.state.topic.min.isr=1",
	}, settings...), "\n"))
	kafkaTool(t, "kafka.tools.StorageTool", "format", "--cluster-id", "cGVuc3RvY2stZTJlLXRlc3Q", "--config", b.config)
	b.start()
	t.Cleanup(func() {
		if b.cmd != nil {
			b.kill()
		}
		if t.Failed() {
			t.Logf("the broker's log:\n%s", b.log)
		}
	})
	return b
}

// start starts the broker on the data it had, at the address it had.
func (b *broker) start() {
	b.t.Helper()
	java, args := kafkaClasses(b.t, "warn", b.options...)
	b.cmd = exec.Command(java, append(args, "kafka.Kafka", b.config)...)
	b.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	b.log = &syncBuffer{}
	b.cmd.Stdout, b.cmd.Stderr = b.log, b.log
	if err := b.cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	client := b.client()
	defer client.Close()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if serves(client) {
			return
		}
	}
	b.kill()
	b.t.Fatalf("the broker did not get ready:\n%s", b.log)
}

// serves is whether the cluster says that it has a broker: one that is not taken yet is not named.
func serves(client *kgo.Client) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	told, err := kmsg.NewPtrMetadataRequest().RequestWith(ctx, client)
	return err == nil && len(told.Brokers) == 1
}

// kill ends the broker without a word.
func (b *broker) kill() {
	b.t.Helper()
	if err := b.cmd.Process.Kill(); err != nil {
		b.t.Error(err)
	}
	_ = b.cmd.Wait() // "signal: killed"
	b.cmd = nil
}

// client is a client of the broker, to be closed.
func (b *broker) client(options ...kgo.Opt) *kgo.Client {
	b.t.Helper()
	client, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(b.Address)}, options...)...)
	if err != nil {
		b.t.Fatal(err)
	}
	return client
}

// createTopic creates a topic. Configs are pairs of a name and a value.
func (b *broker) createTopic(name string, shards int32, configs ...string) {
	b.t.Helper()
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = name, shards, 1
	for pair := range slices.Chunk(configs, 2) {
		config := kmsg.NewCreateTopicsRequestTopicConfig()
		config.Name, config.Value = pair[0], &pair[1]
		topic.Configs = append(topic.Configs, config)
	}
	request := kmsg.NewPtrCreateTopicsRequest()
	request.Topics = append(request.Topics, topic)
	client := b.client()
	defer client.Close()
	ctx, cancel := context.WithTimeout(b.t.Context(), clientTime)
	defer cancel()
	response, err := request.RequestWith(ctx, client)
	if err == nil {
		err = kerr.ErrorForCode(response.Topics[0].ErrorCode)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// produce sends records and wants them acknowledged.
func (b *broker) produce(records ...*kgo.Record) {
	b.t.Helper()
	client := b.client(kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(kgo.NoCompression()))
	defer client.Close()
	ctx, cancel := context.WithTimeout(b.t.Context(), clientTime)
	defer cancel()
	if err := client.ProduceSync(ctx, records...).FirstErr(); err != nil {
		b.t.Fatal(err)
	}
}

// consume reads a topic from its beginning until it has n records, or a few more.
func (b *broker) consume(topic string, n int) (all []*kgo.Record) {
	b.t.Helper()
	client := b.client(kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	defer client.Close()
	ctx, cancel := context.WithTimeout(b.t.Context(), clientTime)
	defer cancel()
	for len(all) < n {
		fetched := client.PollFetches(ctx)
		if err := fetched.Err(); err != nil {
			b.t.Fatalf("after %d records of %d: %v", len(all), n, err)
		}
		all = append(all, fetched.Records()...)
	}
	return all
}

// A broker keeps what it has acknowledged when it is killed; the console consumer reads all of it, and the dump prints the broker's own
// segments as it prints ours.
func TestClientKafkaBroker(t *testing.T) {
	if testing.Short() {
		t.Skip("a broker takes a while to start")
	}
	const shards, n = 3, 600
	b := startBroker(t)
	b.createTopic("t", shards, "segment.bytes", strconv.Itoa(1<<20))
	fill := strings.Repeat("x", 3000)
	var want []string // a line for each record
	send := func() {
		t.Helper()
		var records []*kgo.Record
		for i := range n {
			records = append(records, &kgo.Record{Topic: "t", Partition: int32(i % shards), Key: fmt.Append(nil, "k", i%50), Value: fmt.Append(nil, "ü", len(want)+i, fill)})
		}
		b.produce(records...)
		for _, r := range records {
			want = append(want, line(r))
		}
	}
	check := func() {
		t.Helper()
		var got []string
		for _, r := range b.consume("t", len(want)) {
			got = append(got, line(r))
		}
		sameTexts(t, got, want)
	}
	send()
	check()
	b.kill()
	b.start()
	check()
	send()
	printed := consoleConsumer(t, b.Address, "t", len(want), 20*time.Second, "--formatter-property", "print.partition=true",
		"--formatter-property", "print.offset=true", "--formatter-property", "print.key=true")
	sameTexts(t, printed, want)
	b.kill()
	segments, err := filepath.Glob(filepath.Join(b.dir, "t-*", "*.log"))
	if err != nil || len(segments) <= shards {
		t.Fatalf("%d segments, %v", len(segments), err)
	}
	if all := dumpLog(t, segments); len(all) != len(want) {
		t.Errorf("%d records in the broker's own segments, and it was sent %d", len(all), len(want))
	}
}

// line is a record as the console consumer prints it with its shard, offset and key.
func line(r *kgo.Record) string {
	return fmt.Sprintf("Partition:%d\tOffset:%d\t%s\t%s", r.Partition, r.Offset, r.Key, r.Value)
}
