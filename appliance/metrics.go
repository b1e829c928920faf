package appliance

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"

	"github.com/VictoriaMetrics/metrics"

	"penstock/appliance/intake"
	"penstock/appliance/kafka"
	"penstock/appliance/kafka/bridge"
	"penstock/appliance/kafka/group"
	"penstock/appliance/shard"
	"penstock/wire"
)

// WriteMetrics writes the appliance's numbers in Prometheus' text format. It is the one place that gives them names: parts only
// count. Labels are wire, reason, scheme, listener, address, writer, topic, shard and target, and nothing that a client chooses but a
// topic's name, of which max-topics bounds the number.
func (a *Appliance) WriteMetrics(w io.Writer) {
	var e exposition
	build := ThisBuild()
	e.family("penstock_build_info", "gauge", "Which program this is; always 1.")
	e.sample(1, "version", build.Version, "commit", build.Commit, "go", build.Go)
	e.family("penstock_start_time_seconds", "gauge", "When the process began to open, in Unix time.")
	e.sample(uint64(a.started.Unix()))
	e.family("penstock_ready", "gauge", "1 when records are taken, as /readyz says.")
	set := a.set.Load()
	e.sample(truth(a.ready() == nil && set != nil && set.Ready() == nil))
	if doors := a.intake.Load(); doors != nil {
		e.intake(doors.Stats())
	}
	if door := a.kafka.Load(); door != nil {
		e.kafka(door.Stats())
	}
	if groups := a.groups.Load(); groups != nil {
		e.groups(groups.Stats())
	}
	if b := a.bridge.Load(); b != nil {
		e.forward(b.Status())
	}
	if set != nil {
		e.shards(set.Stats())
	}
	w.Write(e.text)
	metrics.WriteProcessMetrics(w)
}

// exposition is a page of metrics in the making.
type exposition struct {
	text []byte
	name string // of the family that samples belong to
}

// family begins a metric; its samples follow.
func (e *exposition) family(name, kind, help string) {
	e.name = name
	e.text = fmt.Appendf(e.text, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
}

// sample adds one value with its labels: name, value, name, value…
func (e *exposition) sample(value uint64, labels ...string) {
	e.text = append(e.text, e.name...)
	for i := 0; i < len(labels); i += 2 {
		e.text = append(e.text, "{,"[min(i, 1)])
		e.text = append(append(e.text, labels[i]...), '=')
		e.text = strconv.AppendQuote(e.text, labels[i+1]) // the escapes of addresses, names and versions are Go's
	}
	if len(labels) > 0 {
		e.text = append(e.text, '}')
	}
	e.text = append(e.text, ' ')
	e.text = strconv.AppendUint(e.text, value, 10)
	e.text = append(e.text, '\n')
}

func truth(is bool) uint64 {
	if is {
		return 1
	}
	return 0
}

// each writes one family with a sample for every item.
func each[T any](e *exposition, items []T, labels func(i int, t *T) []string, name, kind, help string, value func(t *T) uint64) {
	e.family(name, kind, help)
	for i := range items {
		e.sample(value(&items[i]), labels(i, &items[i])...)
	}
}

func (e *exposition) intake(s intake.Stats) {
	byWire := func(_ int, w *intake.WireStats) []string { return []string{"wire", w.Name} }
	for _, m := range []struct {
		name, kind, help string
		value            func(w *intake.WireStats) uint64
	}{
		{"penstock_requests_total", "counter", "Requests that reached a wire's parser.", func(w *intake.WireStats) uint64 { return w.Requests }},
		{"penstock_request_bytes_total", "counter", "Bytes of their bodies, as sent.", func(w *intake.WireStats) uint64 { return w.Bytes }},
		{"penstock_records_received_total", "counter", "Records received; a body refused whole counts one. The next five and in flight add up to it.",
			func(w *intake.WireStats) uint64 { return w.Received }},
		{"penstock_records_stored_total", "counter", "Records acknowledged.", func(w *intake.WireStats) uint64 { return w.Stored }},
		{"penstock_records_duplicate_total", "counter", "Repeats of records that are stored: acknowledged again, not stored again.",
			func(w *intake.WireStats) uint64 { return w.Duplicate }},
		{"penstock_records_refused_total", "counter", "Records refused: the client's fault.", func(w *intake.WireStats) uint64 { return w.Refused }},
		{"penstock_records_busy_total", "counter", "Records turned away for the moment: rings or disk full, or shutting down.",
			func(w *intake.WireStats) uint64 { return w.Busy }},
		{"penstock_records_failed_total", "counter", "Records that could not be stored: the machine's fault.", func(w *intake.WireStats) uint64 { return w.Failed }},
		{"penstock_records_in_flight", "gauge", "Records received whose fate is open.", func(w *intake.WireStats) uint64 { return w.InFlight }},
	} {
		each(e, s.Wires, byWire, m.name, m.kind, m.help, m.value)
	}
	e.family("penstock_refusals_total", "counter", "What penstock_records_refused_total counts, by reason.")
	for _, w := range s.Wires {
		for _, code := range wire.Codes() {
			if n := w.RefusedBy[code]; n > 0 {
				e.sample(n, "wire", w.Name, "reason", code.String())
			}
		}
	}
	e.family("penstock_requests_shed_total", "counter", "Requests answered busy because too many were at work.")
	e.sample(s.Shed)
	e.family("penstock_refusals_unkept_total", "counter", "Requests refused whole that could not be kept in the topic _rejected: a full disk or ring.")
	e.sample(s.Unkept)
	e.family("penstock_connection_errors_total", "counter", "Connections that ended in an error.")
	e.sample(s.LogEvents)
	e.listeners(s.Listeners)
	e.streams(s.Streams)
}

func (e *exposition) listeners(all []intake.ListenerStats) {
	byListener := func(i int, l *intake.ListenerStats) []string {
		return []string{"scheme", l.Scheme, "listener", strconv.Itoa(i), "address", l.Address}
	}
	for _, m := range []struct {
		name, kind, help string
		value            func(l *intake.ListenerStats) uint64
	}{
		{"penstock_connections_open", "gauge", "Connections that are open.", func(l *intake.ListenerStats) uint64 { return uint64(l.Open) }},
		{"penstock_connections_accepted_total", "counter", "Connections taken.", func(l *intake.ListenerStats) uint64 { return l.Accepted }},
		{"penstock_connections_turned_away_total", "counter", "Connections closed at once: more than max-connections or max-conns-per-ip.",
			func(l *intake.ListenerStats) uint64 { return l.TurnedAway }},
		{"penstock_accept_errors_total", "counter", "Accepts that failed and were tried again: out of file descriptors, mostly.",
			func(l *intake.ListenerStats) uint64 { return l.AcceptErrors }},
		{"penstock_http_requests_total", "counter", "Requests read whole.", func(l *intake.ListenerStats) uint64 { return l.Requests }},
		{"penstock_http_malformed_total", "counter", "Requests refused for their framing, size or slowness.", func(l *intake.ListenerStats) uint64 { return l.Malformed }},
		{"penstock_http_unrouted_total", "counter", "Requests for a path or method that nobody serves.", func(l *intake.ListenerStats) uint64 { return l.Unrouted }},
		{"penstock_http_bad_policy_total", "counter", "Requests that asked for an acknowledgement policy that is not known.",
			func(l *intake.ListenerStats) uint64 { return l.BadPolicy }},
		{"penstock_http_panics_total", "counter", "Requests that hit a bug.", func(l *intake.ListenerStats) uint64 { return l.Panics }},
	} {
		each(e, all, byListener, m.name, m.kind, m.help, m.value)
	}
}

func (e *exposition) streams(all []intake.StreamStats) {
	byStream := func(_ int, s *intake.StreamStats) []string { return []string{"stream", s.Name} }
	for _, m := range []struct {
		name, kind, help string
		value            func(s *intake.StreamStats) uint64
	}{
		{"penstock_stream_frames_total", "counter", "Lines or frames read.", func(s *intake.StreamStats) uint64 { return s.Frames }},
		{"penstock_stream_bytes_total", "counter", "Bytes of them, without their ends.", func(s *intake.StreamStats) uint64 { return s.Bytes }},
		{"penstock_stream_datagrams_total", "counter", "Datagrams read.", func(s *intake.StreamStats) uint64 { return s.Datagrams }},
		{"penstock_stream_datagrams_dropped_total", "counter", "Datagrams that the kernel dropped, as nobody read them in time; known when the next one comes.",
			func(s *intake.StreamStats) uint64 { return s.Dropped }},
		{"penstock_stream_cut_total", "counter", "Connections closed for bytes that are no frames, for slowness within a large one, or for want of memory.",
			func(s *intake.StreamStats) uint64 { return s.Cut }},
		{"penstock_stream_waits_total", "counter", "Times that a batch or a large frame had to wait for room; its sender waits with it.", func(s *intake.StreamStats) uint64 { return s.Waits }},
	} {
		each(e, all, byStream, m.name, m.kind, m.help, m.value)
	}
}

func (e *exposition) kafka(s kafka.Stats) {
	e.family("penstock_kafka_connections_open", "gauge", "Connections of Kafka's clients that are open.")
	e.sample(uint64(s.Open))
	e.family("penstock_kafka_connections_accepted_total", "counter", "Connections of Kafka's clients taken.")
	e.sample(s.Accepted)
	e.family("penstock_kafka_connections_turned_away_total", "counter", "Connections of Kafka's clients closed at once: more than max-connections or max-conns-per-ip.")
	e.sample(s.TurnedAway)
	e.family("penstock_kafka_malformed_total", "counter", "Connections closed for a request that is not understood, or too large.")
	e.sample(s.Malformed)
	e.family("penstock_kafka_logins_total", "counter", "Logins of Kafka's clients.")
	e.sample(s.Logins)
	e.family("penstock_kafka_logins_failed_total", "counter", "Logins that failed: another password, no such user, or what is no login.")
	e.sample(s.LoginsFailed)
	e.family("penstock_kafka_denied_total", "counter", "Requests refused because their sender has no right to them.")
	e.sample(s.Denied)
	e.family("penstock_kafka_bugs_total", "counter", "Connections closed because their request hit a bug.")
	e.sample(s.Bugs)
	e.family("penstock_kafka_fetched_bytes_total", "counter", "Bytes of batches in answers to Kafka's clients.")
	e.sample(s.FetchedBytes)
	p := &s.Produced
	e.family("penstock_kafka_records_received_total", "counter", "Records of Kafka's producers; a batch that can't be read counts one. The next three and in flight add up to it.")
	e.sample(p.Received)
	e.family("penstock_kafka_records_stored_total", "counter", "Records of Kafka's producers acknowledged.")
	e.sample(p.Stored)
	e.family("penstock_kafka_records_duplicate_total", "counter", "Repeats of records that are stored: acknowledged again, not stored again.")
	e.sample(p.Duplicate)
	e.family("penstock_kafka_records_rejected_total", "counter", "Records of Kafka's producers not taken, by reason.")
	for _, why := range slices.Sorted(maps.Keys(p.RejectedBy)) {
		e.sample(p.RejectedBy[why], "reason", why)
	}
	e.family("penstock_kafka_records_in_flight", "gauge", "Records of Kafka's producers whose fate is open.")
	e.sample(p.InFlight)
	e.family("penstock_kafka_requests_total", "counter", "Requests of Kafka's clients, by kind.")
	for _, r := range s.Requests {
		e.sample(r.Count, "request", r.Name)
	}
}

func (e *exposition) groups(s group.Stats) {
	e.family("penstock_kafka_groups", "gauge", "Consumer groups that are known.")
	e.sample(uint64(s.Groups))
	e.family("penstock_kafka_group_members", "gauge", "Their members.")
	e.sample(uint64(s.Members))
	e.family("penstock_kafka_group_offsets", "gauge", "Offsets that they have committed.")
	e.sample(uint64(s.Offsets))
	e.family("penstock_kafka_group_memory_bytes", "gauge", "What groups hold in memory, about.")
	e.sample(uint64(s.Memory))
	e.family("penstock_kafka_group_log_bytes", "gauge", "What the log of committed offsets takes on disk.")
	e.sample(uint64(s.LogBytes))
}

func (e *exposition) forward(s bridge.Status) {
	for _, m := range []struct {
		name, kind, help string
		value            func(t *bridge.TargetStatus) uint64
	}{
		{"penstock_forward_records_total", "counter", "Records brought to a cluster.", func(t *bridge.TargetStatus) uint64 { return t.Records }},
		{"penstock_forward_bytes_total", "counter", "Bytes of batches brought to a cluster.", func(t *bridge.TargetStatus) uint64 { return t.Bytes }},
		{"penstock_forward_errors_total", "counter", "Tries that failed; what they were about waits in the log.", func(t *bridge.TargetStatus) uint64 { return t.Errors }},
		{"penstock_forward_lost_records_total", "counter", "Records that were gone here before they could be brought to a cluster.", func(t *bridge.TargetStatus) uint64 { return t.Lost }},
		{"penstock_forward_lag_records", "gauge", "Records that wait to be brought to a cluster.", func(t *bridge.TargetStatus) uint64 { return uint64(t.Lag()) }},
		{"penstock_forward_away", "gauge", "1 while some shard is behind, or its partition out of reach.", func(t *bridge.TargetStatus) uint64 { return truth(t.Away) }},
	} {
		e.family(m.name, m.kind, m.help)
		for i := range s.Targets {
			e.sample(m.value(&s.Targets[i]), "target", s.Targets[i].Name)
		}
	}
}

func (e *exposition) shards(s shard.Stats) {
	byWriter := func(i int, _ *shard.WriterStats) []string { return []string{"writer", strconv.Itoa(i)} }
	for _, m := range []struct {
		name, kind, help string
		value            func(w *shard.WriterStats) uint64
	}{
		{"penstock_writer_records_total", "counter", "Records written to a log.", func(w *shard.WriterStats) uint64 { return w.Records }},
		{"penstock_writer_bytes_total", "counter", "Bytes taken from the ring.", func(w *shard.WriterStats) uint64 { return w.Bytes }},
		{"penstock_writer_batches_total", "counter", "Batches written.", func(w *shard.WriterStats) uint64 { return w.Batches }},
		{"penstock_writer_refused_total", "counter", "Records that reached the writer and could not be written.", func(w *shard.WriterStats) uint64 { return w.Refused }},
		{"penstock_writer_syncs_total", "counter", "Syncs to disk.", func(w *shard.WriterStats) uint64 { return w.Syncs }},
		{"penstock_writer_sync_errors_total", "counter", "Syncs that failed; what waited for them was not acknowledged.",
			func(w *shard.WriterStats) uint64 { return w.SyncErrors }},
		{"penstock_ring_used_bytes", "gauge", "Bytes in the ring, waiting for the writer.", func(w *shard.WriterStats) uint64 { return uint64(w.RingUsed) }},
		{"penstock_ring_size_bytes", "gauge", "Size of the ring.", func(w *shard.WriterStats) uint64 { return uint64(w.RingBytes) }},
	} {
		each(e, s.Writers, byWriter, m.name, m.kind, m.help, m.value)
	}
	byShard := func(_ int, l *shard.ShardStats) []string {
		return []string{"topic", l.Topic, "shard", strconv.Itoa(l.Shard)}
	}
	for _, m := range []struct {
		name, kind, help string
		value            func(l *shard.ShardStats) uint64
	}{
		{"penstock_log_first_offset", "gauge", "Oldest offset that is kept.", func(l *shard.ShardStats) uint64 { return uint64(l.First) }},
		{"penstock_log_readable_offset", "gauge", "First offset that readers do not see yet.", func(l *shard.ShardStats) uint64 { return uint64(l.Readable) }},
		{"penstock_log_written_offset", "gauge", "First offset that is not written yet.", func(l *shard.ShardStats) uint64 { return uint64(l.Written) }},
		{"penstock_log_synced_offset", "gauge", "First offset that is not on disk yet.", func(l *shard.ShardStats) uint64 { return uint64(l.Synced) }},
		{"penstock_log_unsynced_records", "gauge", "Records acknowledged that are not on disk yet: what --ack=log risks; with --ack=disk always 0.",
			func(l *shard.ShardStats) uint64 { return uint64(l.Unsynced) }},
		{"penstock_log_size_bytes", "gauge", "Bytes of disk that the log's batches take.", func(l *shard.ShardStats) uint64 { return uint64(l.Bytes) }},
		{"penstock_log_held_bytes", "gauge", "Bytes of disk that removed segments take until the readers that are in them leave.",
			func(l *shard.ShardStats) uint64 { return uint64(l.Held) }},
		{"penstock_log_segments", "gauge", "Segments of the log.", func(l *shard.ShardStats) uint64 { return uint64(l.Segments) }},
		{"penstock_log_full", "gauge", "1 when the disk has no room for the log's next segment.", func(l *shard.ShardStats) uint64 { return truth(l.Full) }},
	} {
		each(e, s.Shards, byShard, m.name, m.kind, m.help, m.value)
	}
	e.family("penstock_dedup_forgotten_total", "counter", "IDs forgotten in memory while segments with IDs were still growing, at most: should it rise fast, dedup-memory is small.")
	e.sample(s.Forgotten)
	e.family("penstock_offers_busy_total", "counter", "Batches refused because a ring was full.")
	e.sample(s.RefusedBusy)
	e.family("penstock_offers_full_total", "counter", "Batches refused for want of disk space.")
	e.sample(s.RefusedFull)
}
