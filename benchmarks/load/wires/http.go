package wires

import (
	"net/url"
	"strconv"
	"strings"
)

// post is an HTTP request with the body. head is more lines of its head, each with its end.
func (s *source) post(head string, items int) Request { return s.request("POST", "", head, items) }

func (s *source) request(method, query, head string, items int) Request {
	body, size := s.body, len(s.body)
	if method == "GET" {
		body = nil
	} else if s.Gzip > 0 && s.rng.Float64() < s.Gzip {
		body, head = s.compressed(body), head+"Content-Encoding: gzip\r\n"
	}
	path := s.wire.Path
	if s.Path != "" {
		path = s.Path
	}
	key := s.Key
	if key == "" {
		key = "load"
	}
	path = strings.ReplaceAll(path, "{key}", url.PathEscape(key))
	if query != "" && strings.Contains(path, "?") {
		query = "&" + query
	} else if query != "" {
		query = "?" + query
	}
	out := make([]byte, 0, len(body)+len(query)+512)
	out = append(out, method+" "+path+query+" HTTP/1.1\r\nHost: "+s.Host+"\r\n"+head...)
	if s.Ack != "" {
		out = append(out, "Penstock-Ack: "+s.Ack+"\r\n"...)
	}
	for _, h := range s.Headers {
		out = append(out, h+"\r\n"...)
	}
	if method != "GET" {
		out = append(out, "Content-Length: "...)
		out = strconv.AppendInt(out, int64(len(body)), 10)
		out = append(out, "\r\n"...)
	}
	out = append(out, "\r\n"...)
	return Request{Bytes: append(out, body...), Items: items, Body: size}
}

const jsonType = "Content-Type: application/json\r\n"
