// Package interana speaks the add_events door of Interana (now Scuba): events sent to a topic over HTTP, by GET or POST.
//
// Source: "Admin Guide: Streaming ingest" and "add_events API reference" of the Interana 2 documentation. No public client,
// server or test of this door is known, so what the documents leave open is decided here, marked [decided].
//
//   - One endpoint, /add_events, GET and POST. The topic is named by the header "topic". No authentication.
//   - GET carries the message in the query value ia_data, base64 as a shell prints it: $(echo '…' | base64). See DecodeBase64.
//   - POST carries it in the body. Content encodings: none, deflate, gzip. Any content type; the documents send application/text.
//   - "You can send JSON, or gzipped JSON, or CSV, or any type that Interana can transform."
//   - Success is 202; errors are 400 and 500.
//   - "The maximum message size is 1K", and yet "small batches of events". [decided] It holds for a GET, after decoding
//     (GetLimit); a POST has the request's own limit, a setting.
//   - [decided] A Content-Encoding on a GET is that of the message within the base64.
//
// What a body is [decided]:
//
//   - Leading white space and a UTF-8 byte order mark count only for telling what the body is. Nothing but those is NoData.
//   - First byte '{' or '[': JSON values one after another, white space or nothing between them. Each object of the sequence is a
//     record, so NDJSON is; each element of an array is one too, whatever its type; [] is none and is accepted. Any other value
//     in the sequence is NotObject.
//   - Anything else is one record: the whole body, exactly as sent.
//   - A record is the value as sent, without the white space around it. Bytes are never rewritten.
//
// A request is taken whole or refused whole: malformed JSON in the last line stores nothing of the first [decided: the documents
// know no partial success, and a sender that gets 400 will send all of it again].
//
// Where a table stands behind the topic, its shard key and time columns are read from each object; see wire.Columns.Read.
//
// Replies [decided: the documents publish no bodies]: 202 and an empty body; a refusal is 400 with
//
//	{"error":{"code":"bad_json","message":"the JSON is malformed at byte 17","position":17}}
//
// where position is absent when the fault has no place. It counts bytes of the decoded message, or, for bad_base64, of ia_data
// after URL decoding. A POST above its limit is 413, which HTTP has for it; a GET above 1 KiB stays 400, as in the documents.
// Back-pressure is 503 with code "busy"; the machine's failure is the documents' 500, with code "failed".
package interana

import "penstock/wire"

// GetLimit is the largest message a GET may carry, in bytes after base64 and after its content encoding.
const GetLimit = 1024

// MaxRecords is the most records one request may carry.
const MaxRecords = 65536

// Format is the wire.
var Format = wire.Format{
	Name: "interana",
	Routes: []wire.Route{{
		Methods: []string{"GET", "POST"},
		Path:    "/add_events",
		New:     func() wire.Parser { return new(parser) },
		Reply:   reply,
	}},
}
