package wire

// Format is one vendor's wire: everything the appliance needs to know to speak it, both ways.
type Format struct {
	Name    string // lower case; the label in metrics, the folder's name
	Routes  []Route
	Streams []Stream
}

// Route is one HTTP door of a format. Several methods may share it.
type Route struct {
	Methods []string      // "GET", "POST", …
	Path    string        // exact path, as in "/add_events"
	New     func() Parser // a parser belongs to one worker at a time and is reused
	// Reply appends the body of the answer to dst and says its status and content type ("" = none).
	// It allocates nothing when dst has room.
	Reply func(dst []byte, o *Outcome) (body []byte, status int, contentType string)
}

// Stream is one line or frame protocol of a format, over TCP or UDP.
type Stream struct {
	Name string // the listener's name, as in "telnet"
	// Split finds the first frame in buf: how many bytes it takes and the frame itself. advance 0 asks for more bytes;
	// a fault closes the connection. It has bufio.SplitFunc's shape but for the fault, which costs nothing to return.
	Split func(buf []byte, atEOF bool) (advance int, frame []byte, fault *Fault)
	New   func() Parser
}

// Parser turns a request into records. It is pure: no sockets, files, clocks or goroutines.
//
// Parse lays records into b (already Reset) and returns nil, or refuses the request whole and returns the fault made by b.Fail.
// Records alias the request's bytes and b's scratch, so they live until either is reused. An accepted request costs no allocation.
type Parser interface {
	Parse(req *Request, b *Batch) *Fault
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
	Query  Peeker
	Header Peeker
	Body   []byte  // as it came, still encoded
	Decode Decoder // never nil
	Tables Tables  // never nil
	Limit  int     // the most bytes a decoded payload may have
	Now    int64   // time of arrival, milliseconds since 1970
}

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
	Verdict Verdict
	Records int    // records stored
	Fault   *Fault // when Refused
	Reason  string // when Busy or Failed: one sentence for a person
	Request *Request
}
