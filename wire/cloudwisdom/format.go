// Package cloudwisdom speaks the ingest API of CloudWisdom, which was Metricly and Netuitive before: elements with their metrics and
// samples, events, checks.
//
// Sources: the vendor's "Ingest API" page (the documents below), its pages on checks, webhooks and collectd, and its public clients:
// the Python and Go clients, the statsd backend, the Windows agent. The server was never public. What none of them says is decided
// here, marked [decided].
//
// Doors, all POST and all with the key in the path:
//
//   - /ingest/{key} and /ingest/{variant}/{key} (infrastructure, windows, statsd, java, …) take an array of elements. [decided] A
//     variant that we never heard of is one more agent of theirs, and the same.
//   - /ingest/collectd/{key} takes what collectd's write_http sends as JSON; see collectd.go.
//   - /ingest/events/{key} and /ingest/events/{variant}/{key} take an array of events: clients put "events" behind the first
//     "/ingest/" of whatever URL they were given.
//   - /ingest/webhook/{key} takes any text, which is an event's message.
//   - /check/{key}/{name}/{element}/{ttl} is a sign of life: {name} of {element} is well for the next {ttl} seconds. Name and element
//     are percent-encoded; a body is ignored.
//   - HEAD /time is asked for the Date of its header, which every reply has; GET is the same.
//
// All or nothing: a body that cannot be parsed, or lacks a field that must be there, is refused whole (400), as the vendor does:
// "There was an error parsing the message", "an error in validating the message". One part alone is lost, and noted as refused
// while the reply stays 202, in these cases: an event without data.elementId, which the vendor discards silently; [decided] a sample
// without any value, and a tag or an attribute without a name, since these carry nothing.
//
// What a body is:
//
//   - "The posted JSON message is always an array": null and a single object are refused. [decided] An empty array is 0 elements and
//     is accepted. Bytes after the array are refused; a byte order mark before it is not.
//   - Unknown members are ignored, as documented. A member that is null is one that is absent. Of several with one name the last counts,
//     as in Jackson, which the vendor's error texts show. So does it take a number or a boolean where a text is due, a text where a
//     number is, and refuse an object or an array there, and so do we.
//   - Ids: "[a-zA-Z0-9._-]. Spaces are replaced with _ and all other invalid characters are removed." The documents' set for metrics
//     lacks the _, which the same sentence makes: it is allowed. [decided] The rule holds for the id of an element, of a metric, and
//     a sample's metricId; what only refers to an element (a relation, an event, a check) is kept as sent, for it may name an element
//     of another integration, whose ids have other characters. An id of which nothing is left is a missing one.
//   - Times: a number of milliseconds, or a quoted ISO 8601 time (see wire.ParseTime). Any number is taken: the service does not
//     validate ranges. [decided] A fraction of a millisecond is cut off; a quoted number is no ISO 8601 time, and refused.
//   - Samples: val alone is the value. [decided] Any of min, max, avg, sum and cnt make it an object of those that came, in this order;
//     clients send val beside them, though they should not, and then it is the object's first member, "val". A metricId that no metric
//     declares is accepted as a metric without unit, type and tags. Samples that are repeated are kept.
//   - An element without metrics or samples is accepted: it is an element record. Of metrics with one id the last counts.
//   - Tag values that are numbers are kept as their text, null as an empty one; attribute values are kept as JSON.
//   - Units, types and sparseDataStrategy are kept as sent, whether we know them or not.
//   - [decided] An event's record has the element's id as host, the data object as attributes, data.message as text, and the time of
//     arrival when it carries none. Old clients send its type as eventType.
//
// Records: one element record for each element; one metric record for each series, its points those of all samples for it; one event
// or check record for each of those.
//
// X-Netuitive-Api-Options, a list with commas, in any case: INJECT_TIMESTAMP puts the time of arrival in the place of every time that
// was sent (a time that cannot be read is an error all the same, since parsing goes first), SEND_RESPONSE_BODY asks for a body on success.
//
// Replies: see reply.go. 202 without a body, unless asked for. Never 410 or 418: they switch the Python client off for good.
//
// [decided] Any door decodes gzip and deflate; no client is known to compress. A request may make MaxRecords records and MaxNames bytes
// of names.
package cloudwisdom

import "penstock/wire"

// MaxRecords is the most records one request may become.
const MaxRecords = 65536

// MaxNames is the most bytes that the names of a request's series may have together, each with its element's. An element's id counts
// once for every series of it: without a bound a long id and many short samples would become gigabytes.
const MaxNames = 16 << 20

const name = "cloudwisdom"

// Format is the wire.
var Format = wire.Format{
	Name: name,
	Routes: []wire.Route{
		{Methods: post, Path: "/ingest/{key}", New: newElements, Reply: replyElements, Key: firstParam},
		{Methods: post, Path: "/ingest/{variant}/{key}", New: newElements, Reply: replyElements, Key: secondParam},
		{Methods: post, Path: "/ingest/collectd/{key}", New: newCollectd, Reply: replyElements, Key: firstParam},
		{Methods: post, Path: "/ingest/events/{key}", New: newEvents, Reply: replyEvents, Key: firstParam},
		{Methods: post, Path: "/ingest/events/{variant}/{key}", New: newEvents, Reply: replyEvents, Key: secondParam},
		{Methods: post, Path: "/ingest/webhook/{key}", New: newWebhook, Reply: replyEvents, Key: firstParam},
		{Methods: post, Path: "/check/{key}/{name}/{element}/{ttl}", New: newCheck, Reply: replyChecks, Key: firstParam},
		{Methods: []string{"HEAD", "GET"}, Path: "/time", Reply: replyTime},
	},
}

var post = []string{"POST"}

func firstParam(req *wire.Request) []byte  { return req.Params[0] }
func secondParam(req *wire.Request) []byte { return req.Params[1] }

func newElements() wire.Parser { return new(elements) }
func newCollectd() wire.Parser { return new(collectd) }
func newEvents() wire.Parser   { return new(events) }
func newWebhook() wire.Parser  { return webhook{} }
func newCheck() wire.Parser    { return check{} }
