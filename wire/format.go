package wire

// Format is one vendor's wire: everything the appliance needs to know to speak it, both ways.
type Format struct {
	Name    string // lower case; the label in metrics, the folder's name
	Routes  []Route
	Streams []Stream
}

// Route is one HTTP door of a format. Several methods may share it.
type Route struct {
	Methods []string // "GET", "POST", …
	// Path is matched segment by segment, as sent: a segment in braces, as in "/ingest/{key}", takes any one that is not empty, and
	// the request has it in Params. A path that names a segment goes before one that takes any.
	Path string
	// New makes a parser, which belongs to one worker at a time and is reused. nil: the route takes nothing in and refuses nothing
	// (a version, a health check); Reply alone answers.
	New   func() Parser
	Reply func(dst []byte, o *Outcome) Reply
	// Key finds the key that a request carries, nil when it carries none. A route without it needs no key.
	Key func(req *Request) []byte
	// Limit is the most bytes a decoded payload may have where the vendor says so; 0 is the appliance's own setting.
	Limit int
	Gzip  bool // the body of a reply is compressed for who accepts it
}

// Reply is a format's answer. Body is dst with the body appended; making a reply allocates nothing when dst has room.
type Reply struct {
	Body   []byte
	Status int
	Type   string  // content type; "" = none
	Fields []Field // header fields beside it
}

// Field is one header field of a reply.
type Field struct{ Name, Value string }

// Stream is one line or frame protocol of a format, over TCP and perhaps UDP.
type Stream struct {
	Name     string          // the listener's name, as in "telnet"
	UDP      bool            // the same frames also come in datagrams
	Max      int             // the most bytes a splitter wants to see before it advances
	NewSplit func() Splitter // one for each connection, or each socket of datagrams
	// New makes a parser; Request.Body is one frame. Records of many frames gather in one Batch, which is Reset only when they are
	// stored: Parse adds to what is there, and a fault is that frame's alone and takes nothing back of the others.
	New func() Parser
}

// Splitter finds the first frame in buf: how many bytes it takes and the frame itself, which aliases buf. Frames are to be given to
// the parser before buf changes.
//
//   - advance 0 asks for more bytes; it is called again when there are more.
//   - a frame of nil is skipped.
//   - a fault that advances costs only those bytes; one that does not closes the connection.
//
// With atEOF there will be no more bytes: what is left is a frame or is lost, as the wire has it, and a splitter that gets to the end
// of them is as new. A datagram is a stream of its own: it is given whole, with atEOF.
type Splitter func(buf []byte, atEOF bool) (advance int, frame []byte, fault *Fault)

// Parser turns a request into records. It is pure: no sockets, files, clocks or goroutines.
//
// Parse lays records into b (already Reset) and returns nil, or refuses the request whole and returns the fault made by b.Fail.
// Where the vendor's server takes the good part of a request, the bad parts are noted with b.Refuse and Parse returns nil.
// Records alias the request's bytes and b's scratch, so they live until either is reused. An accepted request costs no allocation.
type Parser interface {
	Parse(req *Request, b *Batch) *Fault
}

// Runner is a Parser of lines that takes many at once where nothing is odd about them: Run does what splitting and Parse would do with
// the lines that text begins with, up to the first of which they would not make one record, most lines at most. It may stop earlier, and
// takes no line without its end. text begins where a line does. taken is how many lines those were, used what they took with their ends,
// and bytes without.
type Runner interface {
	Parser
	Run(text []byte, most int, req *Request, b *Batch) (taken, used, bytes int)
}

// Peeker finds a header or query value by name without copying; nil when absent.
// *fasthttp.RequestHeader and *fasthttp.Args are Peekers as they stand.
type Peeker interface {
	Peek(name string) []byte
}

// Decoder undoes a content encoding: gzip (or x-gzip) and deflate, which may be zlib's or bare; names match in any case.
// Decode returns src itself for no encoding (nil, "", "identity", "none"), else the decoded bytes, valid until the next Decode.
// On trouble it returns the code: BadEncoding (a name it does not know), BadCompression, or TooLarge (more than limit bytes
// come out; it stops there). Bytes that need no decoding are not measured: a parser holds them against its limit itself.
type Decoder interface {
	Decode(encoding, src []byte, limit int) ([]byte, Code)
}

// Tables tells what the table behind a topic knows about its events; nil when none is there.
type Tables interface {
	Columns(topic []byte) *Columns
}

// Request is what a parser sees. The byte slices are the caller's and live until its reply is written.
type Request struct {
	Method string
	Path   []byte
	Params [MaxParams][]byte // what the braces of the route's path took, in order, as sent (percent-encoded)
	Query  Peeker
	Header Peeker
	Body   []byte  // as it came, still encoded
	Decode Decoder // never nil
	Tables Tables  // never nil
	Topics *Topics // never nil
	Tenant []byte  // whose key the request carries; nil when no key is asked for
	Limit  int     // the most bytes a decoded payload may have
	Now    int64   // time of arrival, milliseconds since 1970
}

// MaxParams is the most braces a path may have.
const MaxParams = 4

// Verdict is what became of a request.
type Verdict uint8

// The four ends of a request.
const (
	Stored  Verdict = iota // acknowledged: everything in it is as safe as its policy says
	Refused                // the client's fault: Outcome.Fault says which and where; nothing of it is stored
	Busy                   // try again soon: back-pressure, a full disk, shutting down; nothing of it is acknowledged
	Failed                 // the machine's fault: storing it failed
)

// Outcome is what a format turns into its reply.
type Outcome struct {
	Verdict  Verdict
	Records  int     // records stored
	Items    int     // what the parser counted, in the wire's own terms (Batch.Items)
	Echo     []byte  // what the parser wants said back (Batch.Echo)
	Rejected []Fault // parts of a Stored request that were refused; the first MaxRejects of them
	Fault    *Fault  // when Refused
	Reason   string  // when Busy or Failed: one sentence for a person
	Request  *Request
}
