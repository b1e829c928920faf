package config

import (
	"errors"
	"fmt"
	"math/bits"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Local says that topics are kept in the data directory.
const Local = "local"

// Limits that settings are held against. The storage's own (segstore, ring) are compared with these by a test of the appliance.
const (
	SegmentBytesMin = 64 << 10
	SegmentBytesMax = 1 << 30  // positions in a segment's index have 32 bits
	BodyBytesMin    = 1 << 10  // the wires' own smallest limit: an add_events GET carries up to 1 KiB
	BodyBytesMax    = 64 << 20 // a body is held in memory while it is parsed
	RingBytesMin    = 64 << 10
	RingBytesMax    = 1 << 30
	ringBytesUsual  = 16 << 20
	// RingShare: a ring takes messages up to this part of its size, so that wrapping around always finds room.
	RingShare = 8
	// MessageOverhead is more than a record's frame, topic and offsets add to its key and value in the ring and in a segment.
	MessageOverhead = 1 << 10

	RetentionMin = time.Second
	TimeoutMin   = 100 * time.Millisecond
	TimeoutMax   = time.Hour
)

// Validate says what does not fit together, all of it, and what to do. nil: the Config can be run.
func (c *Config) Validate() error {
	return errors.Join(append(append(append(c.checkRanges(), c.checkRelations()...), c.checkListeners()...), append(c.checkForwards(), c.checkAdvertised())...)...)
}

func (c *Config) checkRanges() (all []error) {
	complain := func(format string, args ...any) { all = append(all, fmt.Errorf(format, args...)) }
	if strings.TrimSpace(c.DataDir) == "" {
		complain("data-dir is empty: name a directory")
	}
	switch {
	case c.Log == "" || c.Log == Local:
	case strings.HasPrefix(c.Log, "kafka://"):
	default:
		complain("log: %q is not known: write local, or a Kafka cluster as kafka://HOST:PORT", c.Log)
	}
	size := func(name string, bytes, least, most int64) {
		if bytes < least || bytes > most {
			complain("%s is %s: choose from %s to %s", name, FormatSize(bytes), FormatSize(least), FormatSize(most))
		}
	}
	size("segment-bytes", c.SegmentBytes, SegmentBytesMin, SegmentBytesMax)
	size("max-body-bytes", c.MaxBodyBytes, BodyBytesMin, BodyBytesMax)
	size("telnet-max-line", c.TelnetMaxLine, 64, 64<<10)
	size("graphite-max-line", c.GraphiteMaxLine, 64, 64<<10)
	size("pickle-max-frame", c.PickleMaxFrame, 1<<10, 64<<20)
	if hasTemplates := len(c.Wires["graphite"].Templates) > 0; hasTemplates != (c.GraphiteTags == "templates") {
		complain("graphite-tags is %s: templates needs wires.graphite.templates, and nothing else looks at them", c.GraphiteTags)
	}
	if c.Compression != "none" && c.Ack != "log" {
		complain("compression is %s and ack %s: samples are compressed where they are acknowledged with log; choose ack: log, or compression: none", c.Compression, c.Ack)
	}
	size("rejected-bytes", c.RejectedBytes, 1<<20, 1<<40)
	if c.RingBytes != 0 {
		size("ring-bytes", c.RingBytes, RingBytesMin, RingBytesMax)
	}
	if c.Retention < RetentionMin {
		complain("retention is %s: choose at least %s, as 24h", FormatDuration(c.Retention), FormatDuration(RetentionMin))
	}
	if c.DedupMemory != 0 {
		size("dedup-memory", c.DedupMemory, 1<<20, 1<<36)
		if c.DedupWindow < time.Second {
			complain("dedup-window is %s: choose at least 1s, or switch it off with dedup-memory: 0", FormatDuration(c.DedupWindow))
		}
	}
	timeout := func(name string, d time.Duration) {
		if d < TimeoutMin || d > TimeoutMax {
			complain("%s is %s: choose from %s to %s", name, FormatDuration(d), FormatDuration(TimeoutMin), FormatDuration(TimeoutMax))
		}
	}
	timeout("header-timeout", c.HeaderTimeout)
	timeout("read-timeout", c.ReadTimeout)
	timeout("write-timeout", c.WriteTimeout)
	timeout("idle-timeout", c.IdleTimeout)
	timeout("stream-idle-timeout", c.StreamIdleTimeout)
	timeout("shutdown-timeout", c.ShutdownTimeout)
	if len(c.Roles) == 0 {
		complain("roles is empty: name at least one of %s", strings.Join(Roles, ", "))
	}
	return all
}

func (c *Config) checkRelations() (all []error) {
	complain := func(format string, args ...any) { all = append(all, fmt.Errorf(format, args...)) }
	setting, most := c.largestFrame()
	largest := c.largestMessage()
	switch {
	case c.RingBytes == 0:
	case c.RingBytes&(c.RingBytes-1) != 0:
		complain("ring-bytes %s is not a power of two: choose %s, or 0", FormatSize(c.RingBytes), FormatSize(powerOfTwo(c.RingBytes)))
	case c.RingBytes < RingShare*largest:
		complain("ring-bytes %s is too small for %s %s: a ring takes messages up to an eighth of its size; choose at least %s, or 0",
			FormatSize(c.RingBytes), setting, FormatSize(most), FormatSize(powerOfTwo(RingShare*largest)))
	}
	if c.SegmentBytes < largest {
		complain("segment-bytes %s is too small for %s %s: a record must fit into a segment; choose at least %s",
			FormatSize(c.SegmentBytes), setting, FormatSize(most), FormatSize(roundUp(largest, 64<<10)))
	}
	if c.RetentionBytes != 0 && c.RetentionBytes < 2*c.SegmentBytes {
		complain("retention-bytes %s is less than two segments: retention deletes whole segments; choose at least %s, or a smaller segment-bytes",
			FormatSize(c.RetentionBytes), FormatSize(2*c.SegmentBytes))
	}
	if c.MaxConnsPerIP > c.MaxConnections {
		complain("max-conns-per-ip %d is more than max-connections %d: lower it, or leave it 0", c.MaxConnsPerIP, c.MaxConnections)
	}
	if c.HeaderTimeout > c.ReadTimeout {
		complain("header-timeout %s is longer than read-timeout %s, which covers the header too: lower it",
			FormatDuration(c.HeaderTimeout), FormatDuration(c.ReadTimeout))
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		complain("tls-cert and tls-key belong together: give both, or neither for a self-signed certificate")
	}
	return all
}

// checkListeners finds two listeners that could not both be bound.
func (c *Config) checkListeners() (all []error) {
	taken := map[string]string{}
	for i := range settings {
		v, isAddress := settings[i].Value(c).(addressValue)
		if !isAddress || *v.at == Off {
			continue
		}
		host, port, err := net.SplitHostPort(*v.at)
		if err != nil {
			all = append(all, fmt.Errorf("%s: %q is not an address: write host:port, or off", settings[i].Name, *v.at))
			continue
		}
		if settings[i].Name == "admin" && len(c.AdminHosts) == 0 && !isLoopback(host) {
			all = append(all, fmt.Errorf("admin listens on %s, which other machines can reach: name the hosts that it is called by in admin-hosts, or choose 127.0.0.1", *v.at))
		}
		if port == "0" {
			continue // the kernel gives each its own
		}
		at := net.JoinHostPort(host, port)
		if other, twice := taken[at]; twice {
			all = append(all, fmt.Errorf("%s and %s both listen on %s: give one another port, or off", other, settings[i].Name, at))
		}
		taken[at] = settings[i].Name
	}
	return all
}

// checkAdvertised refuses what no client could come back to.
func (c *Config) checkAdvertised() error {
	if c.KafkaAdvertised == "" {
		return nil
	}
	host, port, err := net.SplitHostPort(c.KafkaAdvertised)
	if n, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil || n == 0 || host == "" {
		return fmt.Errorf("kafka-advertised: %q is no place to come back to: write host:port as clients reach it, or leave it out", c.KafkaAdvertised)
	}
	return nil
}

// openDoors are the listeners for senders that other machines can reach.
func (c *Config) openDoors() (names []string) {
	if !slices.Contains(c.Roles, "listener") {
		return nil
	}
	for _, l := range []struct{ name, at string }{{"http", c.HTTP}, {"https", c.HTTPS}, {"telnet", c.Telnet}, {"graphite", c.Graphite}, {"pickle", c.Pickle}} {
		if host, _, err := net.SplitHostPort(l.at); l.at != Off && err == nil && !isLoopback(host) {
			names = append(names, l.name)
		}
	}
	return names
}

// isLoopback reports whether a listener's host stays on this machine. Of a name other than localhost the bind will tell.
func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback() || ip == nil && host != ""
}

// largestFrame is the most that comes in one piece, a body or a pickle, and the setting that says so.
func (c *Config) largestFrame() (setting string, bytes int64) {
	if c.Pickle != Off && c.PickleMaxFrame > c.MaxBodyBytes {
		return "pickle-max-frame", c.PickleMaxFrame
	}
	return "max-body-bytes", c.MaxBodyBytes
}

// largestMessage is the most that one record can take in a ring or a segment.
func (c *Config) largestMessage() int64 {
	_, most := c.largestFrame()
	return most + MessageOverhead
}

// RingSize is the size of a writer's ring: what ring-bytes says, or else room for eight of the largest bodies or pickles and for a good
// many usual ones.
func (c *Config) RingSize() int64 {
	if c.RingBytes != 0 {
		return c.RingBytes
	}
	return max(ringBytesUsual, powerOfTwo(RingShare*c.largestMessage()))
}

// powerOfTwo is the least one that is not below n.
func powerOfTwo(n int64) int64 {
	if n <= 1 {
		return 1
	}
	return 1 << bits.Len64(uint64(n-1))
}

func roundUp(n, unit int64) int64 { return (n + unit - 1) / unit * unit }
