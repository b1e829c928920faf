// Package kairosdb speaks KairosDB's two ways in: data points as JSON over HTTP, and the telnet protocol that it took over from
// OpenTSDB. It stores what is sent; it answers no queries.
//
// Sources: the documentation ("Pushing data", "Add Data Points") [D]; the server's code and tests, version 1.3 [S]; its parser run with
// Gson 2.8.9 and asked [W]. Where they leave something open, or where this wire does otherwise on purpose, it is marked [decided].
//
// POST /api/v1/datapoints takes one metric object or an array of them [S]:
//
//   - name, tags, and timestamp (or time, which goes before it) with value, or datapoints, an array of [time, value] or
//     [time, value, type]; or both, then the single point is first. type, ttl in seconds, skip_validate. Other members are ignored; of
//     several with one name the last counts [W]. Names and tags may hold any character.
//   - Not atomic: each metric and each data point is taken or refused by itself, and the reply is 400 if any was refused. What was
//     good is stored all the same [S].
//   - A name, type or tag that is a number or a boolean is its text; ttl and timestamp may be strings, and 5.0 or 5e3 where they are
//     whole [W]. A time in datapoints loses its fraction [W]. [decided] Of a time or ttl that is no long (int), which the server clamps
//     or wraps, the metric or point is refused: a time is never invented.
//   - Types are long, double and string. Without one a number is a long if its text has no point, else a double; a string that looks
//     like such a number is one; other strings are strings, and so are true and false [S]. So 1e3 is the long 1000, 1e-3 the long 0,
//     "123" the long 123. A long that was sent with a fraction loses it.
//   - [decided] A number that is no long, as 9223372036854775808, is kept as it was sent, where the server wraps it around. One that no
//     double holds (1e400), one of more than 64 bytes, and "NaN", "Infinity" and hexadecimal doubles in strings are refused: JSON, or
//     its readers, cannot say them. Doubles are kept as sent; what a string says is put into JSON's spelling (.5 is 0.5, +1 is 1).
//   - [decided] An object or array is a value of no type, even where the server unwraps [5]. null as a point's third part is no type.
//   - skip_validate leaves name, tags and the single point unchecked [S]; a metric without a name is stored with an empty one. [decided]
//     A tag that is null, and a time that is null, are refused all the same; there the server fails.
//   - [decided] JSON is RFC 8259's. The server reads the inside of an element leniently: single quotes, bare words, comments, [2,], NaN
//     as a string. We do not: what is malformed there ends the request with 400, as malformed JSON between the elements does in the
//     server. What stood before it stays stored [S], what stands behind it is lost. Nesting ends at 64.
//   - What stands behind the array or object is ignored [W], and noted as dropped. A byte order mark is skipped [W].
//   - A tag that is named twice refuses its metric (duplicate key: k). So does a member of the wrong kind. [decided] There the server
//     ends the request; here the next metric goes on.
//   - Content-Encoding that is exactly "gzip" is undone, and no other [S]: x-gzip and deflate are ignored, and the body then is no JSON.
//     Content-Type application/gzip says the same, and then the encoding does not count [S].
//
// What is said of a refused part is the server's text, in its order: name, value or timestamp, tags, then the data points [S]. A data
// point that is refused does not advance the index of datapoints[i], as there [S]. [decided] Java's exceptions of a number that cannot
// be read (For input string: "abc") cost their point, not the request; the status is then 500, as there. Others, whose text says
// nothing (JsonNull, null), are told in the validator's words, with 400. Malformed JSON has the one sentence of Gson's strict mode,
// with the line and column of the first byte that cannot be there; the path goes as far as the element. An array that ends early is
// told once, not twice as there. In a message a text is cut at 256 bytes, control bytes are spaces, and at most 1000 are listed.
//
// Replies: 204 and the headers of reply.go, which the server also sends with 500; 400 with Access-Control-Allow-Origin alone; the
// body of both is {"errors":["…","…"]}. "Not in GZIP format" is 500 for an encoding and 400 for the content type. [decided] 413 when
// it is too large (the server has no limit), 503 when busy, 401 without the right key: the password of Basic authentication, which
// the server has too, or a Bearer token. Records do not hold it.
//
// GET /api/v1/version, /api/v1/health/check and /api/v1/health/status say what a healthy KairosDB 1.3.0-1 says: senders ask it. OPTIONS
// on each is a browser's preflight, which may do what it asks for.
//
// The stream "telnet" (4242) takes lines [S]:
//
//	put NAME TIME VALUE TAG=VALUE …      TIME below 3000000000 is seconds, else milliseconds
//	putm NAME TIME VALUE TAG=VALUE …     milliseconds
//	puts NAME TIME TEXT TAG=VALUE …      milliseconds; TEXT is kept as a string
//	version                              answered with the version
//
// Of these:
//
//   - Lines end in "\n" or "\r\n". One of more than 1024 bytes (a setting) is dropped, and the connection kept. A line that the
//     connection's end cuts off is dropped. Bytes are ISO-8859-1, so a UTF-8 name is another one here than over HTTP.
//   - Words are split as in words. Nothing is ever said back but the version; bad lines are faults. [decided] Settings.Feedback tells
//     the sender, in OpenTSDB's manner. Empty lines are nothing, and not counted [decided].
//   - TIME is digits, perhaps behind a minus. VALUE with a point is a double as Java reads it (1.0E5, 1.5f, .5, 5.), without one a long
//     of digits only: 1e5, NaN and +1 are refused. [decided] A double is kept in its digits, in JSON's spelling; hexadecimal and
//     infinite ones are refused.
//   - Of a=b=c the tag is a=b; a= and =b are refused, and a tag that is named twice. Without tags the point gets add=tag.
//     kairos_opt.ttl=N is its ttl and no tag.
package kairosdb

import "penstock/wire"

const wireName = "kairosdb"

// Settings is what the wire is told; the zero value is the default.
type Settings struct {
	MaxLine  int  // the most bytes of a telnet line, its end not counted; 0: DefaultMaxLine
	Feedback bool // a telnet sender is told why a line was not taken; KairosDB tells nobody
}

// DefaultMaxLine is KairosDB's own (kairosdb.telnetserver.max_command_size).
const DefaultMaxLine = 1024

// New makes the wire.
func New(s Settings) wire.Format {
	if s.MaxLine <= 0 {
		s.MaxLine = DefaultMaxLine
	}
	routes := []wire.Route{{
		Methods: []string{"POST"},
		Path:    "/api/v1/datapoints",
		New:     func() wire.Parser { return new(parser) },
		Reply:   replyDatapoints,
		Key:     key,
		Gzip:    true,
	}, {
		Methods: []string{"GET"},
		Path:    "/api/v1/version",
		Reply:   page(200, `{"version": "`+Version+`"}`+"\n"),
		Gzip:    true,
	}, {
		Methods: []string{"GET"},
		Path:    "/api/v1/health/check",
		Reply:   page(204, ""),
	}, {
		Methods: []string{"GET"},
		Path:    "/api/v1/health/status",
		Reply:   page(200, `["JVM-Thread-Deadlock: OK","Datastore-Query: OK"]`),
		Gzip:    true,
	}}
	for _, path := range []string{"/api/v1/datapoints", "/api/v1/version", "/api/v1/health/check", "/api/v1/health/status"} {
		routes = append(routes, wire.Route{Methods: []string{"OPTIONS"}, Path: path, Reply: preflight})
	}
	return wire.Format{
		Name:   wireName,
		Routes: routes,
		Streams: []wire.Stream{{
			Name:     "telnet",
			Max:      s.MaxLine + 2,
			NewSplit: func() wire.Splitter { return wire.SplitEndedLines(s.MaxLine, &cut) },
			New:      func() wire.Parser { return &lines{feedback: s.Feedback, longest: s.MaxLine} },
		}},
	}
}
