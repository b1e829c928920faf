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

// Fault says why a request was refused, and where. It belongs to the Batch that made it and lives until its Reset.
type Fault struct {
	Code   Code
	Offset int // byte position in the decoded payload, or NoOffset
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
