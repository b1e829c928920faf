package config

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// TestValidate spoils the defaults in one way each.
func TestValidate(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(c *Config)
		want  string
	}{
		{"no data-dir", func(c *Config) { c.DataDir = " " }, "data-dir is empty: name a directory"},
		{"nowhere to come back to", func(c *Config) { c.KafkaAdvertised = "edge1" }, `kafka-advertised: "edge1" is no place to come back to: write host:port as clients reach it, or leave it out`},
		{"port of nothing", func(c *Config) { c.KafkaAdvertised = "edge1:0" }, `kafka-advertised: "edge1:0" is no place to come back to: write host:port as clients reach it, or leave it out`},
		{"other log", func(c *Config) { c.Log = "s3://b" }, `log: "s3://b" is not known: write local, or a Kafka cluster as kafka://HOST:PORT`},
		{"forward to no cluster", func(c *Config) { c.Forwards = map[string]Forward{"lake": {To: "b1:9092"}} },
			`forward.lake.to is "b1:9092": write a Kafka cluster's address, as kafka://host:9092`},
		{"forward to the log", func(c *Config) {
			c.Log, c.Forwards = "kafka://b:1", map[string]Forward{"lake": {To: "kafka://b:1"}}
		}, "forward.lake brings topics to the cluster that keeps them already (log): rename them, or leave it out"},
		{"forward twice", func(c *Config) {
			c.Forwards = map[string]Forward{"a": {To: "kafka://b:1"}, "b": {To: "kafka://b:1"}}
		}, "forward.a and forward.b bring the same topics to the same place: leave one out"},
		{"segment too small", func(c *Config) { c.SegmentBytes = 64<<10 - 1 }, "segment-bytes is 65535: choose from 64KiB to 1GiB"},
		{"segment too large", func(c *Config) { c.SegmentBytes = 2 << 30 }, "segment-bytes is 2GiB: choose from 64KiB to 1GiB"},
		{"body too small", func(c *Config) { c.MaxBodyBytes = 0 }, "max-body-bytes is 0: choose from 1KiB to 64MiB"},
		{"body too large", func(c *Config) { c.MaxBodyBytes = 65 << 20 }, "max-body-bytes is 65MiB: choose from 1KiB to 64MiB"},
		{"ring too small", func(c *Config) { c.RingBytes = 1 }, "ring-bytes is 1: choose from 64KiB to 1GiB"},
		{"no retention", func(c *Config) { c.Retention = 0 }, "retention is 0: choose at least 1s, as 24h"},
		{"no timeout", func(c *Config) { c.WriteTimeout = 0 }, "write-timeout is 0: choose from 100ms to 1h"},
		{"endless timeout", func(c *Config) { c.ShutdownTimeout = 2 * time.Hour }, "shutdown-timeout is 2h: choose from 100ms to 1h"},
		{"nothing to compress", func(c *Config) { c.Compression = "lz4" },
			"compression is lz4 and ack disk: samples are compressed where they are acknowledged with log; choose ack: log, or compression: none"},
		{"no roles", func(c *Config) { c.Roles = nil }, "roles is empty: name at least one of listener, config, api, import, data, string"},

		{"ring below eight bodies", func(c *Config) { c.RingBytes = 8 << 20 },
			"ring-bytes 8MiB is too small for max-body-bytes 1MiB: a ring takes messages up to an eighth of its size; choose at least 16MiB, or 0"},
		{"ring below eight pickles", func(c *Config) { c.RingBytes, c.PickleMaxFrame = 16<<20, 2<<20 },
			"ring-bytes 16MiB is too small for pickle-max-frame 2MiB: a ring takes messages up to an eighth of its size; choose at least 32MiB, or 0"},
		{"ring no power of two", func(c *Config) { c.RingBytes = 17 << 20 }, "ring-bytes 17MiB is not a power of two: choose 32MiB, or 0"},
		{"segment below a body", func(c *Config) { c.SegmentBytes = 1 << 20 },
			"segment-bytes 1MiB is too small for max-body-bytes 1MiB: a record must fit into a segment; choose at least 1088KiB"},
		{"retention below two segments", func(c *Config) { c.RetentionBytes = 511 << 20 },
			"retention-bytes 511MiB is less than two segments: retention deletes whole segments; choose at least 512MiB, or a smaller segment-bytes"},
		{"more per address than in all", func(c *Config) { c.MaxConnsPerIP = 20000 },
			"max-conns-per-ip 20000 is more than max-connections 16384: lower it, or leave it 0"},
		{"header longer than all", func(c *Config) { c.HeaderTimeout = time.Minute },
			"header-timeout 1m is longer than read-timeout 30s, which covers the header too: lower it"},
		{"certificate without key", func(c *Config) { c.TLSCert = "c.pem" },
			"tls-cert and tls-key belong together: give both, or neither for a self-signed certificate"},
		{"key without certificate", func(c *Config) { c.TLSKey = "k.pem" },
			"tls-cert and tls-key belong together: give both, or neither for a self-signed certificate"},
		{"one port twice", func(c *Config) { c.Admin = c.HTTP },
			"http and admin both listen on 127.0.0.1:8080: give one another port, or off"},
		{"admin for everybody", func(c *Config) { c.Admin = ":9600" },
			"admin listens on :9600, which other machines can reach: name the hosts that it is called by in admin-hosts, or choose 127.0.0.1"},
		{"admin for the net", func(c *Config) { c.Admin = "10.0.0.1:9600" },
			"admin listens on 10.0.0.1:9600, which other machines can reach: name the hosts that it is called by in admin-hosts, or choose 127.0.0.1"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := Default()
			if err := c.Validate(); err != nil {
				t.Fatalf("the defaults: %v", err)
			}
			test.spoil(&c)
			err := c.Validate()
			if err == nil || !slices.Contains(strings.Split(err.Error(), "\n"), test.want) {
				t.Errorf("got\n%v\nwant\n%s", err, test.want)
			}
		})
	}
}

// TestValidateAdviceHelps takes the sizes that the errors advise.
func TestValidateAdviceHelps(t *testing.T) {
	c := Default()
	c.RingBytes, c.SegmentBytes, c.RetentionBytes = 16<<20, 1088<<10, 2*1088<<10
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	for _, admin := range []string{"localhost:9600", "[::1]:9600", "127.0.0.2:0"} {
		c.Admin = admin
		if err := c.Validate(); err != nil {
			t.Error(err)
		}
	}
	c.Admin, c.AdminHosts = "0.0.0.0:9600", []string{"ingest.example"}
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	c.HTTP, c.HTTPS, c.Telnet, c.Graphite, c.Pickle, c.Kafka, c.Admin = Off, Off, "127.0.0.1:0", "127.0.0.1:0", Off, Off, Off
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
}

// TestRingSizeFits: whatever body is allowed, the derived ring takes it, and would be accepted if it were written down.
func TestRingSizeFits(t *testing.T) {
	f := func(body, want int64) {
		t.Helper()
		c := Default()
		c.MaxBodyBytes = body
		if got := c.RingSize(); got != want {
			t.Errorf("body %d: ring %d, want %d", body, got, want)
		}
		c.RingBytes = c.RingSize()
		if err := c.Validate(); err != nil {
			t.Errorf("body %d: %v", body, err)
		}
	}
	f(BodyBytesMin, 16<<20)
	f(1<<20, 16<<20)
	f(2<<20-MessageOverhead, 16<<20)
	f(2<<20-MessageOverhead+1, 32<<20)
	f(BodyBytesMax, RingBytesMax)
}
