package wire

import "strconv"

// Code names a reason for refusing a request. The text of each is a sentence without a subject's name or any byte of the request:
// a fault may be logged and counted without leaking what was sent.
type Code uint8

// Reasons a request is refused.
const (
	OK             Code = iota
	NoTopic             // the request names no topic
	BadTopic            // the topic's name is not allowed
	NoData              // there is nothing to store
	BadBase64           // not base64
	BadEncoding         // a content encoding this door does not know
	BadCompression      // the content encoding does not match the bytes
	TooLarge            // more bytes than the limit
	TooMany             // more records than a request may carry
	TooDeep             // nested deeper than the limit
	BadJSON             // JSON that is not
	NotObject           // a JSON value where an object is due
	NoKey               // no key where one is asked for
	BadKey              // a key that nobody has
	BadSignature        // not signed with the shared secret
	NotArray            // a JSON value where an array is due
	Empty               // an empty array where one element is the least
	UnknownField        // a member that a strict wire does not know
	MissingField        // a member that must be there is not
	BadField            // a member of the wrong type or value
	BadName             // a name that is empty or forbidden
	BadTime             // not a time
	BadNumber           // not a number, or not one that fits
	BadTag              // a tag without name or value, or named twice
	BadType             // a type that is not registered
	BadCommand          // a line that is no command
	BadLine             // a line without the words it needs
	LineTooLong         // more bytes than a line may have
	BadPickle           // bytes that are no pickle of points
	UnsafePickle        // an opcode that makes objects
	BadMultipart        // a multipart body that is none
	Dropped             // what the vendor's server drops without a word
)

var codeTexts = [...]struct{ name, text string }{
	OK:             {"ok", "ok"},
	NoTopic:        {"no_topic", "the request names no topic: send a 'topic' header"},
	BadTopic:       {"bad_topic", "the topic's name must be 1 to 249 of a-z A-Z 0-9 . _ - and not '.' or '..'"},
	NoData:         {"no_data", "the request carries no data"},
	BadBase64:      {"bad_base64", "the data is not base64"},
	BadEncoding:    {"bad_encoding", "the content encoding is not known here: use gzip, deflate or none"},
	BadCompression: {"bad_compression", "the body is not what its content encoding says"},
	TooLarge:       {"too_large", "the message is larger than the limit"},
	TooMany:        {"too_many", "the request carries more records than the limit: split it"},
	TooDeep:        {"too_deep", "the JSON is nested deeper than the limit"},
	BadJSON:        {"bad_json", "the JSON is malformed"},
	NotObject:      {"not_object", "a JSON object is due here"},
	NoKey:          {"no_key", "the request carries no key, and this wire asks for one"},
	BadKey:         {"bad_key", "the key is not known here"},
	BadSignature:   {"bad_signature", "the signature does not match the body"},
	NotArray:       {"not_array", "a JSON array is due here"},
	Empty:          {"empty", "an empty array carries nothing"},
	UnknownField:   {"unknown_field", "a field is not known here"},
	MissingField:   {"missing_field", "a required field is missing"},
	BadField:       {"bad_field", "a field has a value that it cannot have"},
	BadName:        {"bad_name", "the name is not allowed"},
	BadTime:        {"bad_time", "the timestamp cannot be read"},
	BadNumber:      {"bad_number", "the number cannot be read or does not fit"},
	BadTag:         {"bad_tag", "a tag is malformed"},
	BadType:        {"bad_type", "the data point type is not known"},
	BadCommand:     {"bad_command", "the line does not begin with a known command"},
	BadLine:        {"bad_line", "the line has too few words, or too many"},
	LineTooLong:    {"line_too_long", "the line is longer than the limit"},
	BadPickle:      {"bad_pickle", "the pickle is malformed"},
	UnsafePickle:   {"unsafe_pickle", "the pickle asks for something to be run: refused"},
	BadMultipart:   {"bad_multipart", "the multipart body is malformed or has no file in it"},
	Dropped:        {"dropped", "the wire's own rules drop this"},
}

// String is the code's short name, a metric label's value.
func (c Code) String() string { return codeTexts[c].name }

// Text is the code's sentence.
func (c Code) Text() string { return codeTexts[c].text }

// Codes lists every code but OK, for those who keep a counter for each.
func Codes() []Code {
	all := make([]Code, 0, len(codeTexts)-1)
	for c := range codeTexts[1:] {
		all = append(all, Code(c+1))
	}
	return all
}

// NoOffset is the offset of a fault that has no place in the payload.
const NoOffset = -1

// Fault says why a request, or a part of one, was refused, and where. It belongs to the Batch that made it and lives until its Reset.
//
// Code and Offset hold nothing of the client's and may be logged and counted. Detail and Raw may: they go into the reply to that
// client and into the topic of what was refused, and nowhere else.
type Fault struct {
	Code   Code
	Offset int    // byte position in the decoded payload, or NoOffset
	Detail []byte // the reason in the vendor's own words; nil: Code's
	Raw    []byte // the refused part; nil for a request refused whole
}

// Because gives the fault the vendor's own words, which must live as long as it does; it returns f.
func (f *Fault) Because(detail []byte) *Fault {
	f.Detail = detail
	return f
}

// Append adds the fault in words: the sentence, and " at byte N" when it has a place. It allocates nothing when dst has room.
func (f *Fault) Append(dst []byte) []byte {
	dst = append(dst, f.Code.Text()...)
	if f.Offset != NoOffset {
		dst = append(dst, " at byte "...)
		dst = strconv.AppendInt(dst, int64(f.Offset), 10)
	}
	return dst
}

func (f *Fault) Error() string { return string(f.Append(nil)) }
