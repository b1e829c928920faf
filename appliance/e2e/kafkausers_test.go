package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// hashed is what the configuration file holds of a password.
func hashed(t *testing.T, password, mechanism string) string {
	t.Helper()
	hash := exec.Command(filepath.Join(built, "penstock"), "config", "hash-password", "--mechanism", mechanism)
	hash.Stdin = strings.NewReader(password + "\n")
	out, err := hash.Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// startWithUsers starts a server whose Kafka listener speaks TLS and has the users ada (all rights), bob (who reads) and carol (who writes).
func startWithUsers(t *testing.T) *server {
	t.Helper()
	file := filepath.Join(t.TempDir(), "penstock.yaml")
	text := fmt.Sprintf("kafka-tls: on\nkafka-users:\n  ada: {password: %s, may: [read, write, admin]}\n  bob: {password: %s, may: read}\n  carol: {password: %s, may: write}\n",
		hashed(t, "ada's", "SCRAM-SHA-256"), hashed(t, "bob's", "SCRAM-SHA-512"), hashed(t, "carol's", "SCRAM-SHA-256"))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return start(t, t.TempDir(), "--config", file, "--kafka", "127.0.0.1:0", "--shards", "2")
}

func (s *server) certificate() string { return filepath.Join(s.dir, "tls", "cert.pem") }

// kcat reads over TLS after a login by each mechanism; with another password, or without the right, it does not.
func TestClientKcatLogsIn(t *testing.T) {
	program := installed(t, "kcat", "kcat")
	s := startWithUsers(t)
	const n = 500
	var events strings.Builder
	for i := range n {
		fmt.Fprintf(&events, `{"n":%d,"text":"%s"}`+"\n", 1000+i, strings.Repeat("x", i))
	}
	if status, body := s.post("clicks", events.String()); status != 202 {
		t.Fatal(status, body)
	}
	run := func(user, password, mechanism string, args ...string) (string, error) {
		ctx, cancel := context.WithTimeout(t.Context(), clientTime)
		defer cancel()
		kcat := exec.CommandContext(ctx, program, append([]string{"-b", s.Kafka, "-t", "clicks", "-q", "-X", "security.protocol=SASL_SSL", "-X", "ssl.ca.location=" + s.certificate(),
			"-X", "sasl.mechanism=" + mechanism, "-X", "sasl.username=" + user, "-X", "sasl.password=" + password}, args...)...)
		var errs bytes.Buffer
		kcat.Stderr = &errs
		out, err := kcat.Output()
		if err != nil {
			err = fmt.Errorf("%w: %s", err, &errs)
		}
		return string(out), err
	}
	want := strings.Split(strings.TrimSuffix(events.String(), "\n"), "\n")
	for _, by := range [][3]string{{"ada", "ada's", "SCRAM-SHA-256"}, {"bob", "bob's", "SCRAM-SHA-512"}, {"ada", "ada's", "PLAIN"}, {"bob", "bob's", "PLAIN"}} {
		out, err := run(by[0], by[1], by[2], "-C", "-o", "beginning", "-e")
		got := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
		slices.Sort(got)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%v reads %d records of %d: %v", by, len(got), n, err)
		}
	}
	for _, by := range [][3]string{{"ada", "bob's", "SCRAM-SHA-256"}, {"bob", "ada's", "PLAIN"}, {"zoe", "ada's", "SCRAM-SHA-256"}, {"bob", "bob's", "SCRAM-SHA-256"}} {
		if out, err := run(by[0], by[1], by[2], "-L", "-m", "3"); err == nil {
			t.Errorf("%v is let in: %s", by, out)
		}
	}
	if out, err := run("carol", "carol's", "SCRAM-SHA-256", "-L"); err != nil || !strings.Contains(out, `topic "clicks" with 2 partitions`) {
		t.Errorf("carol is told %s, %v", out, err)
	}
	if out, err := run("carol", "carol's", "SCRAM-SHA-256", "-C", "-o", "beginning", "-e"); err == nil || strings.Contains(out, `"n"`) {
		t.Errorf("carol, who may write, reads %.100s", out)
	}
	if failed, denied := s.metric("penstock_kafka_logins_failed_total"), s.metric("penstock_kafka_denied_total"); failed < 4 || denied < 1 {
		t.Errorf("%v logins failed, %v requests were denied", failed, denied)
	}
	for _, password := range []string{"ada's", "bob's", "carol's"} {
		if strings.Contains(s.log.String(), password) {
			t.Errorf("the password %s stands in the log:\n%s", password, s.log)
		}
	}
}

// client is franz-go, as a user by SCRAM-SHA-256, under TLS.
func (s *server) client(user, password string) *kgo.Client {
	s.t.Helper()
	text, err := os.ReadFile(s.certificate())
	if err != nil {
		s.t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	client, err := kgo.NewClient(kgo.SeedBrokers(s.Kafka), kgo.DialTLSConfig(&tls.Config{RootCAs: pool}), kgo.SASL(scram.Auth{User: user, Pass: password}.AsSha256Mechanism()))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(client.Close)
	return client
}

// Topics are made, described and deleted over Kafka's protocol by who may; a deleted one is gone for the admin listener and for groups too.
func TestTopicsOverKafka(t *testing.T) {
	s := startWithUsers(t)
	ctx, cancel := context.WithTimeout(t.Context(), clientTime)
	defer cancel()
	create := kmsg.NewPtrCreateTopicsRequest()
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = "made", 3, 1
	create.Topics = append(create.Topics, topic)
	remove := kmsg.NewPtrDeleteTopicsRequest()
	remove.TopicNames = []string{"made"}

	carol, ada := s.client("carol", "carol's"), s.client("ada", "ada's")
	made, err := create.RequestWith(ctx, carol)
	if err != nil || made.Topics[0].ErrorCode != kerr.TopicAuthorizationFailed.Code {
		t.Fatalf("%+v, %v", made, err)
	}
	if made, err = create.RequestWith(ctx, ada); err != nil || made.Topics[0].ErrorCode != 0 {
		t.Fatalf("%+v, %v", made, err)
	}
	if status, body := s.get("/v1/topics/made"); status != 200 || !strings.Contains(body, `"shard":2`) {
		t.Errorf("%d %s", status, body)
	}
	configs := kmsg.NewPtrDescribeConfigsRequest()
	resource := kmsg.NewDescribeConfigsRequestResource()
	resource.ResourceType, resource.ResourceName, resource.ConfigNames = kmsg.ConfigResourceTypeTopic, "made", []string{"retention.ms"}
	configs.Resources = append(configs.Resources, resource)
	if told, err := configs.RequestWith(ctx, ada); err != nil || len(told.Resources[0].Configs) != 1 || *told.Resources[0].Configs[0].Value != "86400000" {
		t.Errorf("%+v, %v", told, err)
	}
	commit := kmsg.NewPtrOffsetCommitRequest()
	commit.Group, commit.Generation = "g", -1
	commit.Topics = []kmsg.OffsetCommitRequestTopic{{Topic: "made", Partitions: []kmsg.OffsetCommitRequestTopicPartition{{Partition: 1, Offset: 0, LeaderEpoch: -1}}}}
	if told, err := commit.RequestWith(ctx, ada); err != nil || told.Topics[0].Partitions[0].ErrorCode != 0 {
		t.Fatalf("%+v, %v", told, err)
	}
	if offsets := s.metric("penstock_kafka_group_offsets"); offsets != 1 {
		t.Errorf("%v offsets are kept", offsets)
	}
	if gone, err := remove.RequestWith(ctx, carol); err != nil || gone.Topics[0].ErrorCode != kerr.TopicAuthorizationFailed.Code {
		t.Errorf("%+v, %v", gone, err)
	}
	if gone, err := remove.RequestWith(ctx, ada); err != nil || gone.Topics[0].ErrorCode != 0 {
		t.Errorf("%+v, %v", gone, err)
	}
	if status, body := s.get("/v1/topics/made"); status != 404 {
		t.Errorf("%d %s", status, body)
	}
	if offsets := s.metric("penstock_kafka_group_offsets"); offsets != 0 {
		t.Errorf("%v offsets are kept of a topic that is gone", offsets)
	}
}

// HUP gives the Kafka listener, and HTTPS with it, the certificate that is in the files by then.
func TestKafkaCertificateIsReadAgain(t *testing.T) {
	s, other := startWithUsers(t), start(t, t.TempDir())
	shown := func(address string) []byte {
		t.Helper()
		dialer := tls.Dialer{NetDialer: &net.Dialer{Timeout: 10 * time.Second}, Config: &tls.Config{InsecureSkipVerify: true}} // to look at it
		c, err := dialer.DialContext(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return c.(*tls.Conn).ConnectionState().PeerCertificates[0].Raw
	}
	before, want := shown(s.Kafka), shown(other.HTTPS)
	if !bytes.Equal(before, shown(s.HTTPS)) || bytes.Equal(before, want) {
		t.Fatal("the listeners have two certificates, or two servers the same")
	}
	for _, name := range []string{"cert.pem", "key.pem"} {
		text, err := os.ReadFile(filepath.Join(other.dir, "tls", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(s.dir, "tls", name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); !bytes.Equal(shown(s.Kafka), want) || !bytes.Equal(shown(s.HTTPS), want); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the certificate is the old one")
		}
	}
}
