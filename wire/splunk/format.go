// Package splunk speaks the Ingest service of Splunk's Data Stream Processor and Cloud Services: events, metrics and files over HTTP.
//
// Sources: "About the Ingest service" of the DSP manual [D]; the service's OpenAPI description v1beta2.32 [D]; the SDKs for Go, JS and
// Python and their tests against the live service [C]; splunk-cloud-sdk-go 1.11.1 and scloud, seen on the wire [W]. The service is
// written in Go, and its refusals quote encoding/json. What the sources leave open is decided here, marked [decided].
//
// Doors, all POST: /{tenant}/ingest/v1beta2/events, …/metrics and …/files; and the manual's bare /events and /metrics.
//
//   - The key is the token of "Authorization: Bearer …". A record's tenant is the one whose key it is; where no keys are asked for, the
//     path's, if it looks like a name (64 of a-z A-Z 0-9 . _ - at most) [decided].
//   - At most 1 MiB a body (MaxBody) and 500 events a request (MaxEvents): more is 413. No client compresses; [decided]
//     Content-Encoding gzip and deflate are undone, and the limit holds for what comes out.
//   - Content-Type is not looked at, but for files.
//
// A body is taken whole or refused whole: one bad event of 500 stores nothing of the others, and the reply names it [C].
//
// Events and metrics are a JSON array of objects, read as Go's encoding/json reads into a struct when unknown fields are forbidden:
//
//   - The fields are body, attributes, host, source, sourcetype, timestamp, nanos, id, kind. A further one is INVALID_DATA [D][C].
//     [decided] source_type is another name of sourcetype: the manual's tables have it, its examples and all clients have the other.
//   - Names match in any case, as Go has it, by Unicode's simple folding. Of several members with one name the last counts; but all of
//     them must be well-formed. [decided] The last one replaces the others whole, where Go would merge two objects.
//   - null is the same as absent. So an element null is an event without a body.
//   - timestamp is an int64 of milliseconds and nanos an int32, written as plain integers: 1.0 and 1e3 are none. Without a timestamp it
//     is the time of arrival.
//   - [decided] "Missing id → the system generates one": an event that came without an id has none in its record. Nobody is told the
//     one that the vendor makes up, so it can be of use to nobody; a record's place in its log names it as well.
//   - [decided] kind may be any string; what the record is, the door says.
//   - body of an event is any JSON but null, and attributes any object; both are kept byte for byte. Splunk would refuse a number that
//     no double holds (1e999) in them; here it is as good as any other.
//   - [decided] Anything but white space behind the array refuses the body, where Go's stream decoder would not look.
//
// Metrics: body is an array of one or more {name, value, dimensions, type, unit}; attributes is {defaultDimensions, defaultType,
// defaultUnit}, what the metrics inherit; a metric's own dimension wins. Further fields are INVALID_DATA at each of these places, as
// sourcetype is in the manual's own scloud example (scloud drops it before it sends).
//
//   - Without a type it is "g", without a unit "none". [decided] "" is without.
//   - A value that is absent is 0, as the OpenAPI description says, against the manual. Numbers are kept as sent. [decided] One of more
//     than 64 bytes, or that no double holds, is INVALID_DATA.
//   - [decided] An empty body, and a name that is absent or empty, fail the event like a body that is null, with the messages "Event
//     body cannot be empty" and "Metric name cannot be empty".
//   - [decided] A metric has at most 1,000 dimensions, and what all metrics of a request inherit may come to 8 MiB: more is 413. What is
//     written once and inherited ten thousand times would else make gigabytes of one MiB.
//   - The id goes into the record of each of the event's metrics. Points of one series, id included, share a record.
//
// Files: multipart/form-data with the file in the part "upfile". [decided] One event record a file, at the time of arrival: body is the
// file's text, or its base64 where it is not UTF-8 or holds a zero byte; attributes are {"filename":…} and, for base64,
// "encoding":"base64"; source is the file's name. Several upfile parts are several records and other parts are dropped; a reply names
// the first file. A name is what follows the last slash, as in Go, and may be missing, as when the SDK sends a stream. Without an
// upfile part details is Go's "http: no such file". At most 100 parts. See multipart.
//
// Replies: 200, or 201 for files, as in the table of the tests [C][D]. A refusal is
//
//	{"code":"INVALID_DATA","message":"The request isn't valid.","details":"json: unknown field \"xyz\""}
//
// and for events that are JSON and yet no events, all of them, details is
//
//	{"failedEvents":[{"index":1,"message":"Event body cannot be null"}]}
//
// null for the array is refused like [] [C: code and message; decided: details]. What Go's decoder would say of a wrong type is said
// here too, with the SDK's names of types; a name or number in it is cut at 100 bytes. Malformed JSON is described in our words. 413
// has INVALID_DATA as well, for its description in the API is the same sentence [decided]. Codes that no source names [decided]:
// UNAUTHORIZED with 401, whose messages are "Error validating request" without a token and "Invalid or Expired Bearer Token" with
// a wrong one; TOO_MANY_REQUESTS with 429 when busy; INTERNAL_ERROR with 500.
package splunk

import "penstock/wire"

// The vendor's limits: bytes of a decoded body, and events of a request.
const (
	MaxBody   = 1 << 20
	MaxEvents = 500
)

// Format is the wire.
var Format = wire.Format{
	Name: "splunk",
	Routes: []wire.Route{
		door("/{tenant}/ingest/v1beta2/events", func() wire.Parser { return new(eventsParser) }, reply),
		door("/{tenant}/ingest/v1beta2/metrics", func() wire.Parser { return new(metricsParser) }, reply),
		door("/{tenant}/ingest/v1beta2/files", func() wire.Parser { return new(filesParser) }, filesReply),
		door("/events", func() wire.Parser { return new(eventsParser) }, reply),
		door("/metrics", func() wire.Parser { return new(metricsParser) }, reply),
	},
}

func door(path string, parser func() wire.Parser, reply func([]byte, *wire.Outcome) wire.Reply) wire.Route {
	return wire.Route{Methods: []string{"POST"}, Path: path, New: parser, Reply: reply, Key: key, Limit: MaxBody}
}
