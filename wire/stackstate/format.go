// Package stackstate speaks the receiver API of StackState: what its agents and scripts send of metrics, events, checks, topology and
// health.
//
// Sources: "Send telemetry" of StackState 4.1 and the pages of 4.6 and 5.1 on metrics, events, topology and health [D]; the agents 1, 2
// and 3, the receiver client for Go and the collector's topology exporter, and their tests against the live service [C]. The server
// was never public. What none of them says is decided here, marked [decided].
//
// Doors, each below /stsAgent and, as on Kubernetes, below /receiver/stsAgent:
//
//   - POST intake, intake/ and intake/{endpoint}: the common JSON object.
//   - POST api/v1/series and api/v1/check_run: what agents send of metrics and checks.
//   - GET api/v1/validate: 200 for a key that is known, 403 for any other.
//   - GET features: [decided] {}, since none of the optional protocols that agents ask for is spoken here. It needs no key.
//   - POST api/v1/metadata, …/connections, …/collector, …/container and {version}/traces: the process and trace agents' own protocols.
//     They are answered 200, so that these agents run, and nothing is stored.
//
// The key is the query's api_key, else the header sts-api-key, else DD-Api-Key, else that of "Authorization: ApiKey …" or "Bearer …"
// [decided: the service tokens of later versions]. The member apiKey of a body is "legacy, not used by the backend", and nobody's
// business: it is no key here, it is in no record, and it is masked in what is kept of what was refused; of a malformed body that may have one
// nothing is kept.
//
// Bodies come as they are, as gzip, or as deflate, which is zlib's stream with all agents. [decided] Another encoding (zstd is an
// agent's build option) is 415: agents drop what is answered 400 and try again later what is answered 415, so nothing is lost
// until their setting is mended. A decoded body has at most MaxBody bytes, and becomes at most MaxRecords records.
//
// A body is refused whole when it is not what the server can deserialize: malformed, a value of the wrong type, a member missing that
// must be there (internalHostname, an event's timestamp, a check's name and status, a series' metric and points). One part alone is
// lost, and noted as refused while the reply stays 200, in these cases [decided: an agent throws a whole payload away for a 400]:
//
//   - a metric or an event whose name is empty or begins with a word that the documents forbid ("cannot start with"; see names.go);
//   - a metric, a point, an event or a check whose number is fine JSON and cannot be kept: a time beyond the range, a value of more than
//     64 bytes or beyond a double's range, a status that is not 0, 1, 2 or 3; a check without a name;
//   - a tag without a name;
//   - a health message that breaks the documented rules; see health.go.
//
// The common object: internalHostname must be there. All other members may be absent or null, unknown ones are ignored, and of several
// with one name the last counts [decided]. Times are seconds, whole or not, and are kept to the millisecond;
// "sts-time-format: ms", which the topology exporter sends, makes all of a request's times milliseconds [decided: for all of them].
//
//   - A metric is [name, seconds, value, {hostname, type, tags, device_name}], these four. A value is a number and kept as sent. Points
//     of one series share a record. [decided] Types that we never heard of are kept.
//   - events has lists of events by their name. msg_title and msg_text may be absent (4.1; 5.1 wants them). The record's event is the
//     name, its sourcetype source_type_name; priority, alert_type, aggregation_key, event_type and context are its attributes, kept
//     as sent, whatever they hold. Further members are ignored.
//   - service_checks is what check_run takes.
//   - A topology is kept as sent: any object is. The key of its record is that of its instance, type_url, so that a snapshot's parts
//     stay in order.
//   - A health message is kept as sent. The key of its record is its stream.
//   - [decided] What names no host is the internalHostname's, but for topologies and health messages; an empty name is none. A check,
//     topology or health message without a time has that of collection_timestamp, or of arrival.
//
// Tags are "name:value", cut at the first colon; one without a colon has an empty value. [decided] A name with several values, as
// agents send for one pod in two services, has all of them, sorted and with commas between. A series' device is a tag "device".
//
// Series are [[seconds, value], …] with metric, host, type, tags, device and source_type_name (the record's sourcetype). [decided] The
// interval is not kept: the record has no place for it.
//
// Old metrics and events are dropped by the vendor in silence, by a setting; here they are kept.
//
// Replies: see reply.go.
package stackstate

import "penstock/wire"

const name = "stackstate"

const (
	// MaxBody is the most bytes of a decoded body. Agents send 4 MB at most.
	MaxBody = 5 << 20
	// MaxRecords is the most records one request may become.
	MaxRecords = 65536
	// MaxSpread is the most bytes that names may come to which stand once in a body and are in many records: the internalHostname and
	// the names of events. Without a bound a long name would make gigabytes of one body.
	MaxSpread = 32 << 20
)

// Format is the wire.
var Format = wire.Format{
	Name:   name,
	Routes: append(routes("/stsAgent"), routes("/receiver/stsAgent")...),
}

// routes is the doors below one base.
func routes(base string) (all []wire.Route) {
	takes := func(path string, parser func() wire.Parser) {
		all = append(all, wire.Route{Methods: []string{"POST"}, Path: base + path, New: parser, Reply: reply, Key: key, Limit: MaxBody})
	}
	drains := func(path string) {
		all = append(all, wire.Route{Methods: []string{"POST"}, Path: base + path, Reply: reply, Key: key, Limit: MaxBody})
	}
	for _, path := range []string{"/intake", "/intake/", "/intake/{endpoint}"} {
		takes(path, func() wire.Parser { return new(intake) })
	}
	takes("/api/v1/series", func() wire.Parser { return new(series) })
	takes("/api/v1/check_run", func() wire.Parser { return new(checkRun) })
	for _, path := range []string{"/api/v1/metadata", "/api/v1/connections", "/api/v1/collector", "/api/v1/container", "/{version}/traces"} {
		drains(path)
	}
	return append(all,
		wire.Route{Methods: []string{"GET"}, Path: base + "/api/v1/validate", Reply: replyValidate, Key: key},
		wire.Route{Methods: []string{"GET"}, Path: base + "/features", Reply: replyFeatures})
}
