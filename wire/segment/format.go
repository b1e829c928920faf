// Package segment speaks Segment's two ways in: the HTTP tracking API that its libraries call, and the requests that its Webhooks
// destinations make. A record is one event, as it was sent.
//
// Sources: "HTTP API Source", "Webhooks" and "Webhooks (Actions)" of Segment's documentation [D]; the libraries analytics-go and
// analytics-node and the Actions webhook, seen on the wire [W]. What they leave open is decided here, marked [decided].
//
// The tracking API:
//
//   - POST /v1/batch takes {"batch":[…]} beside members of its own: messageId, sentAt, context, integrations, writeKey, _metadata.
//     Each element of batch is an event. [decided] Segment merges the outer context and integrations into each event; we do not,
//     for that would store what nobody sent. Of two members named batch the first counts.
//   - POST /v1/{track,identify,page,screen,group,alias} takes one event. Its kind is the path's, and libraries leave "type" out:
//     [decided] an event without a member "type" gets it as its first one, else nobody could tell a page from a screen. One that
//     has it is left alone, whatever it says.
//   - The write key is the user name of Basic authentication, or else the member "writeKey" beside batch or in the one event: the
//     documentation's first way, and the only one beside a Bearer token. See key. [decided] A member "writeKey" of an event is left
//     out of its record: it opens this door, and records are for many eyes. An event that gains a type or loses a key has no white
//     space around its own members any more; apart from these it is as sent.
//   - 500 KiB a batch, 32 KiB an event, in a batch too: more is 400 for the request whole. They hold after decompression.
//   - [decided] An element of batch that is no object is refused alone and the rest is stored, with 200: Segment answers 200 to all
//     that is JSON and within the limits. What has no batch, or one that is no array, is refused whole with 400, unlike there: the
//     sender should hear of it. No further member is looked at: an event without userId, or a track without event, is stored.
//   - 200 {"success":true}; 400; 429 with Retry-After and X-RateLimit-Reset in seconds when busy. [decided] A key that is missing
//     or unknown is 401, where Segment says 200 and drops the events; and the body of every refusal is
//     {"success":false,"code":"bad_json","message":"the JSON is malformed at byte 17"}
//
// The webhooks:
//
//   - POST, PUT or PATCH /segment/webhook carries one event, or from the Actions destination an array of them. [decided] An element
//     that is no object is refused alone. No limit is documented; the request's own holds, and more is 413 [decided].
//   - Types are page, screen, identify, track, alias, group and delete; none is checked.
//   - X-Signature is the lower-case hex of HMAC-SHA1 with the shared secret over the event's JSON. For an array it is over the first
//     element only [W]. See signer. [decided] With a secret set, a request without the right signature is 401 and nothing is stored;
//     without one the header means nothing.
//   - Segment retries what is answered 5xx, for hours: busy is 503, the machine's failure 500. A stored one is 200 as above.
//
// Both:
//
//   - The topic is the one in a header "topic", which webhooks can be told to send, else the configured one.
//   - Key and time are those of the table behind the topic, else none and the time of arrival; an event's "timestamp" is not read.
//   - [decided] Content-Encoding gzip and deflate are undone, as libraries can be told to compress. A signature is over what came out.
//   - [decided] Malformed JSON anywhere, or anything after the value, refuses the request whole.
package segment

import "penstock/wire"

// The vendor's limits on a decoded payload of the tracking API and on each event in it, in bytes.
const (
	EventLimit = 32 << 10
	BatchLimit = 500 << 10
)

// MaxRecords is the most events one request may carry.
const MaxRecords = 65536

// Settings is what the wire is told.
type Settings struct {
	Secrets [][]byte // the webhooks' shared secrets, any of which may sign; none: signatures are not looked at
}

// New makes the wire. It keeps the secrets.
func New(s Settings) wire.Format {
	routes := []wire.Route{{
		Methods: []string{"POST", "PUT", "PATCH"},
		Path:    "/segment/webhook",
		New:     func() wire.Parser { return &webhook{signer: newSigner(s.Secrets)} },
		Reply:   webhookReply,
	}, {
		Methods: []string{"POST"},
		Path:    "/v1/batch",
		New:     func() wire.Parser { return new(batch) },
		Reply:   trackingReply,
		Key:     func(req *wire.Request) []byte { return key(req, BatchLimit) },
		Limit:   BatchLimit,
	}}
	for _, kind := range []string{"track", "identify", "page", "screen", "group", "alias"} {
		routes = append(routes, wire.Route{
			Methods: []string{"POST"},
			Path:    "/v1/" + kind,
			New:     func() wire.Parser { return &call{kind: kind} },
			Reply:   trackingReply,
			Key:     func(req *wire.Request) []byte { return key(req, EventLimit) },
			Limit:   EventLimit,
		})
	}
	return wire.Format{Name: "segment", Routes: routes}
}
