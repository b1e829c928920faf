package wiretest

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"penstock/wire"
)

// Case is one golden: a request in a .req file, and in the .want file beside it the records and the reply it must bring.
//
//	# what this shows                          any number of comments and directives first
//	@encode gzip base64                        the body is written in clear and sent so: gzip, deflate, raw-deflate, base64
//	@query ia_data                             send the body, encoded, as this query value and not as the body
//	@repeat 70000                              send the body (before encoding) this often
//	@columns time=ts unit=seconds key=sk       a table is behind the topic
//	@limit 4096                                Request.Limit; else 1 MiB
//	@outcome busy the ring is full             what became of an accepted request: busy or failed, and a reason
//	@tenant acme                               whose key the request carries; or @key none, @key bad: it carries none, or a wrong one
//	POST /add_events?a=b                       the method and target as sent
//	topic: cooltopic                           headers
//
//	the body                                   to the end of the file, but for its last line end
//
// A stream's file has "STREAM telnet" where the method and target stand, no headers, and bytes as its body. In a stream's body
// the line ends of the file are sent as they are, the last one too.
type Case struct {
	Name    string // the file's name without .req
	Method  string // "STREAM" for a stream
	Path    string // a stream's name for a stream
	Query   Values
	Header  Values
	Body    []byte
	Columns *wire.Columns
	Limit   int
	Tenant  []byte
	// KeyFault is why the request is refused before it is parsed: NoKey or BadKey; OK when it is not.
	KeyFault wire.Code
	Verdict  wire.Verdict
	Reason   string

	file string
}

// Now is the time of arrival of every golden.
const Now = 1500000000000

// Cases reads every .req file of a folder, in the order of their names.
func Cases(tb testing.TB, dir string) []*Case {
	tb.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.req"))
	if err != nil {
		tb.Fatal(err)
	}
	var cases []*Case
	for _, file := range files {
		c, err := load(file)
		if err != nil {
			tb.Fatalf("%s: %v", file, err)
		}
		cases = append(cases, c)
	}
	return cases
}

// Request makes the request anew: each call has its own body, decoder and peekers.
func (c *Case) Request() *wire.Request {
	return &wire.Request{
		Method: c.Method,
		Path:   []byte(c.Path),
		Query:  c.Query,
		Header: c.Header,
		Body:   bytes.Clone(c.Body),
		Decode: new(Decoder),
		Tables: Tables{c.Columns},
		Topics: wire.DefaultTopics(),
		Tenant: c.Tenant,
		Limit:  c.Limit,
		Now:    Now,
	}
}

func load(file string) (*Case, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	c := &Case{Name: strings.TrimSuffix(filepath.Base(file), ".req"), Limit: 1 << 20, file: file}
	var encodings []string
	query, repeat := "", 1
	for {
		line, rest, _ := bytes.Cut(text, []byte("\n"))
		text = rest
		word, arg, _ := strings.Cut(string(line), " ")
		switch {
		case strings.HasPrefix(word, "#"):
			continue
		case word == "@encode":
			encodings = strings.Fields(arg)
		case word == "@query":
			query = arg
		case word == "@repeat":
			repeat, err = strconv.Atoi(arg)
		case word == "@limit":
			c.Limit, err = strconv.Atoi(arg)
		case word == "@tenant":
			c.Tenant = []byte(arg)
		case word == "@key" && arg == "none":
			c.KeyFault = wire.NoKey
		case word == "@key" && arg == "bad":
			c.KeyFault = wire.BadKey
		case word == "@columns":
			c.Columns, err = parseColumns(arg)
		case word == "@outcome":
			err = c.parseOutcome(arg)
		case word == "" || word[0] == '@':
			err = fmt.Errorf("no directive and no request line: %q", line)
		default:
			if err = c.parseHead(word, arg, &text); err != nil {
				return nil, err
			}
			return c, c.setBody(text, repeat, encodings, query)
		}
		if err != nil {
			return nil, err
		}
	}
}

// parseHead reads the request line, already split, and the header lines; text is left at the body.
func (c *Case) parseHead(method, target string, text *[]byte) error {
	c.Method = method
	if method == "STREAM" {
		c.Path = target
	} else {
		path, query, _ := strings.Cut(target, "?")
		c.Path = path
		for query != "" {
			var pair string
			pair, query, _ = strings.Cut(query, "&")
			name, value, _ := strings.Cut(pair, "=")
			value, err := url.QueryUnescape(value)
			if err != nil {
				return err
			}
			c.Query = append(c.Query, [2]string{name, value})
		}
	}
	for {
		line, rest, _ := bytes.Cut(*text, []byte("\n"))
		*text = rest
		if len(line) == 0 {
			return nil
		}
		name, value, ok := strings.Cut(string(line), ":")
		if !ok {
			return fmt.Errorf("no header: %q", line)
		}
		c.Header = append(c.Header, [2]string{name, strings.TrimSpace(value)})
	}
}

func (c *Case) setBody(text []byte, repeat int, encodings []string, query string) error {
	if c.Method != "STREAM" {
		text = bytes.TrimSuffix(text, []byte("\n"))
	}
	text = bytes.Repeat(text, repeat)
	for _, encoding := range encodings {
		if encoding == "base64" {
			text = []byte(base64.StdEncoding.EncodeToString(text))
			continue
		}
		var ok bool
		if text, ok = Encode(encoding, text); !ok {
			return fmt.Errorf("no encoding: %q", encoding)
		}
	}
	if query != "" {
		c.Query = append(c.Query, [2]string{query, string(text)})
		return nil
	}
	c.Body = text
	return nil
}

func parseColumns(arg string) (*wire.Columns, error) {
	c := new(wire.Columns)
	for _, field := range strings.Fields(arg) {
		name, value, _ := strings.Cut(field, "=")
		ok := true
		switch name {
		case "time":
			c.Time = value
		case "key":
			c.Key = value
		case "unit":
			c.Unit, ok = wire.ParseUnit(value)
		default:
			ok = false
		}
		if !ok {
			return nil, fmt.Errorf("no column setting: %q", field)
		}
	}
	return c, nil
}

func (c *Case) parseOutcome(arg string) error {
	word, reason, _ := strings.Cut(arg, " ")
	c.Reason = reason
	switch word {
	case "busy":
		c.Verdict = wire.Busy
	case "failed":
		c.Verdict = wire.Failed
	default:
		return fmt.Errorf("no outcome: %q", arg)
	}
	return nil
}
