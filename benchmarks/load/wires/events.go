package wires

import (
	"encoding/base64"
	"encoding/binary"
	"net/url"
	"strconv"
)

// The wires of events: JSON objects of mixed sizes, each of a user.

var names = []string{"page view", "add to cart", "checkout", "search", "sign in", "größer", "購入", "export"}

// event appends a JSON object of the size drawn.
func (s *source) event() {
	from, size := len(s.body), s.size()
	s.serial++
	s.add(`{"ts":`)
	s.body = strconv.AppendInt(s.body, s.now+s.serial%1000, 10)
	s.add(`,"sk":"user-`)
	s.body = strconv.AppendInt(s.body, int64(s.key()), 10)
	s.add(`","event":"`, names[s.rng.IntN(len(names))], `","ms":`)
	s.appendValue()
	if size > 250 {
		s.add(`,"ok":true,"ref":null,"url":"https://shop.example/p/`, strconv.Itoa(s.rng.IntN(1e6)), `?ref=mail&x=%2F","cart":[1,2.5,-3e2]`)
	}
	if len(s.body)-from+len(`,"t":""}`) < size {
		s.add(`,"t":"`)
		s.fillUp(from, size-len(`"}`))
		s.add(`"`)
	}
	s.add(`}`)
}

func (s *source) interanaHead() string {
	return "topic: " + s.topic() + "\r\nContent-Type: application/text\r\n"
}

func (s *source) interanaSingle() Request {
	s.event()
	return s.post(s.interanaHead(), 1)
}

func (s *source) interanaNDJSON() Request {
	n := s.fill("\n", 1<<20, s.event)
	s.add("\n")
	return s.post(s.interanaHead(), n)
}

func (s *source) interanaArray() Request {
	s.add("[")
	n := s.fill(",", 1<<20, s.event)
	s.add("]")
	return s.post(s.interanaHead(), n)
}

func (s *source) interanaGet() Request {
	s.event()
	return s.request("GET", "ia_data="+url.QueryEscape(base64.StdEncoding.EncodeToString(s.body)), s.interanaHead(), 1)
}

func (s *source) splunkEvents() Request {
	s.add("[")
	n := s.fill(",", 1<<20, func() {
		s.add(`{"body":`)
		s.event()
		s.add(`,"host":"host-`, strconv.Itoa(s.rng.IntN(1000)), `","source":"load","sourcetype":"json","timestamp":`)
		s.body = strconv.AppendInt(s.body, s.now, 10)
		s.add(`}`)
	})
	s.add("]")
	return s.post(s.splunkHead(), n)
}

func (s *source) splunkHead() string {
	if s.Key == "" {
		return jsonType
	}
	return jsonType + "Authorization: Bearer " + s.Key + "\r\n"
}

func (s *source) segment() Request {
	s.add(`{"batch":[`)
	n := s.fill(",", 1<<20, func() {
		from, size := len(s.body), s.size()
		s.add(`{"type":"track","userId":"user-`, strconv.Itoa(s.key()), `","event":"`, names[s.rng.IntN(len(names))], `","timestamp":"`,
			s.Now.UTC().Format("2006-01-02T15:04:05.000Z"), `","properties":{"price":`)
		s.appendValue()
		s.add(`,"note":"`)
		s.fillUp(from, size-len(`"}}`))
		s.add(`"}}`)
	})
	s.add(`],"context":{"library":{"name":"load","version":"1"}}}`)
	head := jsonType
	if s.Key != "" {
		head += "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(s.Key+":")) + "\r\n"
	}
	return s.post(head, n)
}

// kafka is a Produce request of one batch.
func (s *source) kafka() Request {
	topic := s.topic()
	partitions := s.Partitions[topic]
	var records []byte
	var record []byte
	plain := 0
	n := s.fill("", 1<<20, func() {
		from := len(s.body)
		s.event()
		value := s.body[from:]
		record = append(record[:0], 0) // attributes
		record = binary.AppendVarint(record, 0)
		record = binary.AppendVarint(record, int64(plain))
		key := "user-" + strconv.Itoa(s.key())
		record = binary.AppendVarint(record, int64(len(key)))
		record = append(record, key...)
		record = binary.AppendVarint(record, int64(len(value)))
		record = append(record, value...)
		record = binary.AppendVarint(record, 0) // headers
		records = binary.AppendVarint(records, int64(len(record)))
		records = append(records, record...)
		plain++
	})
	size, codec := len(records), int16(0)
	if s.Gzip > 0 && s.rng.Float64() < s.Gzip {
		records, codec = s.compressed(records), 1
	}
	partition := partitions[s.rng.IntN(len(partitions))]
	return Request{Bytes: produce(topic, partition, s.Acks, recordBatch(records, n, codec, s.now)), Items: n, Body: size}
}
