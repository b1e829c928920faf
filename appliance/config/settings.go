package config

import (
	"strings"
	"time"
)

// Config is every setting with its value. A Config from Load is valid; one made by hand is made so by Validate.
// A listener's address is host:port, or Off. A size is in bytes.
type Config struct {
	DataDir string
	Roles   []string

	HTTP, HTTPS, Telnet, Graphite, Pickle, Kafka, Admin string

	KafkaAdvertised string               // host:port that Kafka's clients are told to come back to; "" = where they came to
	KafkaTLS        string               // on or off
	KafkaUsers      map[string]KafkaUser // by name, from the file only: who may log in; none = nobody has to

	AdminHosts []string // names beside the loopback's that the admin listener answers to
	TLSCert    string   // files; both or neither
	TLSKey     string

	Ack          string // one of Acks
	Shards       int    // 0 = one per CPU
	RingBytes    int64  // per writer; 0 = derived, see RingSize
	PinWriters   []int  // CPU of each shard writer; empty = not pinned
	SegmentBytes int64
	Compression  string // one of Compressions
	Log          string // "local", or the address of the Kafka cluster that keeps the topics

	Retention      time.Duration
	RetentionBytes int64 // all topics together; 0 = no limit
	MinFreeBytes   int64 // below it the oldest segments go early; 0 = chosen from the disk's size
	MaxTopics      int

	DedupMemory int64         // for the IDs of records; 0 = repeats are stored
	DedupWindow time.Duration // how long they are remembered

	Listeners      int    // HTTP listeners on the same port; 0 = one per CPU
	Steer          string // cpu or off: how connections are shared between them
	MaxBodyBytes   int64
	MaxConnections int
	MaxConnsPerIP  int // 0 = no limit
	HeaderTimeout  time.Duration
	ReadTimeout    time.Duration
	WriteTimeout   time.Duration
	IdleTimeout    time.Duration

	ShutdownTimeout time.Duration
	LogLevel        string
	LogFormat       string

	StreamIdleTimeout time.Duration
	TelnetMaxLine     int64  // bytes
	TelnetFeedback    string // on or off
	GraphiteTags      string // one of GraphiteTagParsers
	GraphiteMaxLine   int64  // bytes
	PickleMaxFrame    int64  // bytes

	RejectedBytes     int64  // the most that the topic of what was refused keeps
	SegmentSecretFile string // shared secrets of Segment's webhooks, one a line; "" = signatures are not asked for

	// From the file only.
	Topics  map[string]Topic
	Tenants map[string]Tenant // by name
	Wires   map[string]Wire   // by the wire's name

	Forwards map[string]Forward // by name
}

// Acks are the names of the acknowledgement policies, safest first.
var Acks = []string{"disk", "log", "ring"}

// Compressions are the ways to keep samples that come many at once in a stream.
var Compressions = []string{"none", "lz4"}

// GraphiteTagParsers are the ways to find tags in a Graphite name.
var GraphiteTagParsers = []string{"host", "graphite", "templates", "none"}

// Roles are the parts an appliance can play. In this version `listener` switches the intake; the parts that the other names will
// switch are not there yet, and the log is kept and read in every case.
var Roles = []string{"listener", "config", "api", "import", "data", "string"}

// Setting is one row of the table.
type Setting struct {
	Name    string // as a flag and as a YAML key: words with dashes
	Group   string // what it is about; settings of a group stand together
	Default string
	Help    string // one line, no full stop
	bind    func(*Config) Value
}

// Value is the setting's place in c.
func (s *Setting) Value(c *Config) Value { return s.bind(c) }

// Env is the setting's name in the environment.
func (s *Setting) Env() string { return envName(s.Name) }

func envName(name string) string {
	return EnvPrefix + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// EnvPrefix begins the environment's name of every setting.
const EnvPrefix = "PENSTOCK_"

// Settings is the table, in the order in which people read it.
func Settings() []Setting { return settings }

var settings = []Setting{
	{"data-dir", "Storage", "penstock-data", "directory that holds everything the appliance keeps; made on first start",
		func(c *Config) Value { return textValue{&c.DataDir, "directory"} }},
	{"ack", "Storage", "disk", "what a reply means: on disk (survives power loss), in the log (survives a kill), or in the ring (survives nothing)",
		func(c *Config) Value { return choiceValue{&c.Ack, Acks} }},
	{"shards", "Storage", "0", "shards of a new topic, and writers; 0 is one per CPU",
		func(c *Config) Value { return countValue{&c.Shards, 0, 1024} }},
	{"segment-bytes", "Storage", "256MiB", "size of a log segment, the unit in which retention deletes",
		func(c *Config) Value { return sizeValue{&c.SegmentBytes} }},
	{"compression", "Storage", "none", "how samples are kept that come many at once in a stream, with ack log: none, or lz4, in a fifth of the space, for Kafka clients that read LZ4",
		func(c *Config) Value { return choiceValue{&c.Compression, Compressions} }},
	{"retention", "Storage", "24h", "how long records are kept",
		func(c *Config) Value { return durationValue{&c.Retention} }},
	{"retention-bytes", "Storage", "0", "the most bytes the logs of all topics keep; 0 is no limit",
		func(c *Config) Value { return sizeValue{&c.RetentionBytes} }},
	{"min-free-bytes", "Storage", "0", "free disk space below which the oldest segments go early; 0 is 1GiB or a twentieth of the disk, whichever is less",
		func(c *Config) Value { return sizeValue{&c.MinFreeBytes} }},
	{"max-topics", "Storage", "1000", "the most topics that exist; a record for one more is refused",
		func(c *Config) Value { return countValue{&c.MaxTopics, 1, 1_000_000} }},
	{"dedup-memory", "Storage", "64MiB", "memory for the newest IDs of records (DSP's id, Segment's messageId, Idempotency-Key), about 24 bytes each; 0 stores repeats",
		func(c *Config) Value { return sizeValue{&c.DedupMemory} }},
	{"dedup-window", "Storage", "24h", "how long a record's ID is remembered, so that its repeat is acknowledged and not stored again",
		func(c *Config) Value { return durationValue{&c.DedupWindow} }},
	{"rejected-bytes", "Storage", "64MiB", "the most bytes kept of what was refused (topic _rejected)",
		func(c *Config) Value { return sizeValue{&c.RejectedBytes} }},
	{"ring-bytes", "Storage", "0", "size of the ring in front of each writer, a power of two; 0 derives it from max-body-bytes and pickle-max-frame",
		func(c *Config) Value { return sizeValue{&c.RingBytes} }},
	{"pin-writers", "Storage", "", "CPU of each writer, as 0,1; empty leaves them to the scheduler",
		func(c *Config) Value { return numbersValue{&c.PinWriters} }},
	{"log", "Storage", "local", "where topics are kept: local, or a Kafka cluster as kafka://HOST:PORT,HOST:PORT, with the data directory as spool",
		func(c *Config) Value { return textValue{&c.Log, "local"} }},

	{"http", "Listeners", "127.0.0.1:8080", "HTTP listener",
		func(c *Config) Value { return addressValue{at: &c.HTTP} }},
	{"https", "Listeners", "127.0.0.1:8443", "HTTPS listener",
		func(c *Config) Value { return addressValue{at: &c.HTTPS} }},
	{"telnet", "Listeners", "127.0.0.1:4242", "KairosDB's telnet listener",
		func(c *Config) Value { return addressValue{at: &c.Telnet} }},
	{"graphite", "Listeners", "127.0.0.1:2003", "Graphite line listener, TCP and UDP",
		func(c *Config) Value { return addressValue{at: &c.Graphite} }},
	{"pickle", "Listeners", "127.0.0.1:2004", "Graphite pickle listener, TCP and UDP",
		func(c *Config) Value { return addressValue{at: &c.Pickle} }},
	{"kafka", "Listeners", "127.0.0.1:9092", "listener for Kafka's clients; anyone who reaches it may read and write, unless the file's kafka-users says who",
		func(c *Config) Value { return addressValue{at: &c.Kafka} }},
	{"kafka-advertised", "Listeners", "", "host:port where Kafka's clients find the listener, when they reach it by another address than its own",
		func(c *Config) Value { return textValue{&c.KafkaAdvertised, "host:port"} }},
	{"kafka-tls", "Listeners", "off", "TLS on the Kafka listener, with the certificate of the HTTPS listener",
		func(c *Config) Value { return choiceValue{&c.KafkaTLS, []string{"on", "off"}} }},
	{"admin", "Listeners", "127.0.0.1:9600", "admin listener: health, metrics, reading; anyone who reaches it may use it",
		func(c *Config) Value { return addressValue{at: &c.Admin, url: true} }},
	{"admin-hosts", "Listeners", "", "host names the admin listener answers to, beside its address and localhost",
		func(c *Config) Value { return namesValue{at: &c.AdminHosts} }},
	{"tls-cert", "Listeners", "", "PEM file of the certificate chain; empty makes a self-signed one on first start",
		func(c *Config) Value { return textValue{&c.TLSCert, "file"} }},
	{"tls-key", "Listeners", "", "PEM file of the certificate's key",
		func(c *Config) Value { return textValue{&c.TLSKey, "file"} }},
	{"listeners", "Listeners", "0", "HTTP listeners that share the port; 0 is one per CPU",
		func(c *Config) Value { return countValue{&c.Listeners, 0, 1024} }},
	{"steer", "Listeners", "off", "cpu gives a connection to the listener of the CPU it came in by; off lets the kernel's hash choose, which on two CPUs costs the same",
		func(c *Config) Value { return choiceValue{&c.Steer, []string{"off", "cpu"}} }},

	{"max-body-bytes", "Limits", "1MiB", "the largest request body, compressed or not",
		func(c *Config) Value { return sizeValue{&c.MaxBodyBytes} }},
	{"max-connections", "Limits", "16384", "the most open connections, all listeners for senders together; the Kafka listener takes as many again",
		func(c *Config) Value { return countValue{&c.MaxConnections, 1, 1 << 20} }},
	{"max-conns-per-ip", "Limits", "0", "the most open connections from one address, the Kafka listener counting its own; 0 is no limit",
		func(c *Config) Value { return countValue{&c.MaxConnsPerIP, 0, 1 << 20} }},
	{"header-timeout", "Limits", "10s", "how long a client may take to send a request's header, with a body of up to 4 KiB",
		func(c *Config) Value { return durationValue{&c.HeaderTimeout} }},
	{"read-timeout", "Limits", "30s", "how long a client may take to send a whole request",
		func(c *Config) Value { return durationValue{&c.ReadTimeout} }},
	{"write-timeout", "Limits", "30s", "how long a client may take to receive a reply",
		func(c *Config) Value { return durationValue{&c.WriteTimeout} }},
	{"idle-timeout", "Limits", "2m", "how long a connection may wait for its next request",
		func(c *Config) Value { return durationValue{&c.IdleTimeout} }},
	{"stream-idle-timeout", "Limits", "5m", "how long a line or frame connection may be silent",
		func(c *Config) Value { return durationValue{&c.StreamIdleTimeout} }},

	{"telnet-max-line", "Wires", "1024", "the longest line on the telnet listener",
		func(c *Config) Value { return sizeValue{&c.TelnetMaxLine} }},
	{"telnet-feedback", "Wires", "off", "tell telnet senders why a line was not taken; KairosDB tells nobody",
		func(c *Config) Value { return choiceValue{&c.TelnetFeedback, []string{"on", "off"}} }},
	{"graphite-tags", "Wires", "host", "how tags are found in a Graphite name: host (KairosDB's default: group.HOST.rest), graphite (name;tag=value), " +
		"templates (wires.graphite.templates), none (the name as it is)",
		func(c *Config) Value { return choiceValue{&c.GraphiteTags, GraphiteTagParsers} }},
	{"graphite-max-line", "Wires", "4096", "the longest line on the Graphite listener",
		func(c *Config) Value { return sizeValue{&c.GraphiteMaxLine} }},
	{"pickle-max-frame", "Wires", "1MiB", "the largest pickle",
		func(c *Config) Value { return sizeValue{&c.PickleMaxFrame} }},
	{"segment-secret-file", "Wires", "", "file of the shared secrets that sign Segment's webhooks, one a line; empty asks for no signature",
		func(c *Config) Value { return textValue{&c.SegmentSecretFile, "file"} }},

	{"roles", "Process", "listener,config,api,import,data,string", "parts this process plays; without listener it takes nothing in",
		func(c *Config) Value { return namesValue{&c.Roles, Roles} }},
	{"shutdown-timeout", "Process", "30s", "how long a stop may take before it is given up",
		func(c *Config) Value { return durationValue{&c.ShutdownTimeout} }},
	{"log-level", "Process", "info", "least important message that is logged",
		func(c *Config) Value { return choiceValue{&c.LogLevel, []string{"debug", "info", "warn", "error"}} }},
	{"log-format", "Process", "auto", "how messages look; auto is text, and leaves the time to journald where that reads it",
		func(c *Config) Value { return choiceValue{&c.LogFormat, []string{"auto", "text", "json"}} }},
}

// Default is every setting at its default.
func Default() Config {
	var c Config
	for i := range settings {
		if err := settings[i].Value(&c).Set(settings[i].Default); err != nil {
			panic("BUG: the default of " + settings[i].Name + ": " + err.Error())
		}
	}
	return c
}

// find is the setting of that name; a YAML key may have underscores for dashes.
func find(name string) *Setting {
	name = strings.ReplaceAll(name, "_", "-")
	for i := range settings {
		if settings[i].Name == name {
			return &settings[i]
		}
	}
	return nil
}
