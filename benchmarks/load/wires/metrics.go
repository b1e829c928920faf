package wires

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"strconv"
)

// The wires of metrics: points of series, which are so many measures on so many hosts.

var measures = []string{"cpu.user", "cpu.system", "mem.used", "disk.io.read", "disk.io.write", "net.eth0.in", "net.eth0.out", "load.short", "http.requests", "http.errors"}

// measure and host name a series.
func measure(series int) string { return measures[series%len(measures)] }

func host(series int) string { return "web-" + strconv.Itoa(series/len(measures)) }

// pad appends a tag that brings the item to the size drawn, if it is smaller.
func (s *source) pad(from, size int, open, shut string) {
	if size > 0 && len(s.body)-from+len(open)+len(shut) < size {
		s.add(open)
		for len(s.body)-from+len(shut) < size {
			s.body = append(s.body, 'x')
		}
		s.add(shut)
	}
}

func (s *source) kairosdb() Request {
	s.add("[")
	n := s.fill(",", s.Keys, func() {
		k, from, size := s.series(), len(s.body), s.size()
		s.add(`{"name":"`, measure(k), `","timestamp":`)
		s.body = strconv.AppendInt(s.body, s.now, 10)
		s.add(`,"value":`)
		s.appendValue()
		s.add(`,"tags":{"host":"`, host(k), `","dc":"fra1"`)
		s.pad(from, size-len("}}"), `,"pad":"`, `"`)
		s.add("}}")
	})
	s.add("]")
	head := jsonType
	if s.Key != "" {
		head += "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("load:"+s.Key)) + "\r\n"
	}
	return s.post(head, n)
}

func (s *source) stackstate() Request {
	s.add(`{"internalHostname":"load","collection_timestamp":`)
	s.body = strconv.AppendInt(s.body, s.now/1000, 10)
	s.add(`,"events":{},"metrics":[`)
	n := s.fill(",", s.Keys, func() {
		k, from, size := s.series(), len(s.body), s.size()
		s.add(`["`, measure(k), `",`)
		s.body = strconv.AppendInt(s.body, s.now/1000, 10)
		s.add(",")
		s.appendValue()
		s.add(`,{"hostname":"`, host(k), `","type":"gauge","tags":["dc:fra1"`)
		s.pad(from, size-len("]}]"), `,"pad:`, `"`)
		s.add("]}]")
	})
	s.add(`],"service_checks":[],"topologies":[]}`)
	head := jsonType
	if s.Key != "" {
		head += "sts-api-key: " + s.Key + "\r\n"
	}
	return s.post(head, n)
}

func (s *source) splunkMetrics() Request {
	s.add(`[{"body":[`)
	n := s.fill(",", s.Keys, func() {
		k, from, size := s.series(), len(s.body), s.size()
		s.add(`{"name":"`, measure(k), `","value":`)
		s.appendValue()
		s.add(`,"type":"g","unit":"1","dimensions":{"host":"`, host(k), `"`)
		s.pad(from, size-len("}}"), `,"pad":"`, `"`)
		s.add("}}")
	})
	s.add(`],"source":"load","timestamp":`)
	s.body = strconv.AppendInt(s.body, s.now, 10)
	s.add(`}]`)
	return s.post(s.splunkHead(), n)
}

// cloudwisdom is one element, a host, with its samples, as an agent sends it: one item is the element itself.
func (s *source) cloudwisdom() Request {
	id := "web-" + strconv.Itoa(s.key())
	s.add(`[{"id":"`, id, `","name":"`, id, `","type":"SERVER","attributes":[{"name":"cpus","value":"4"}],"tags":[{"name":"dc","value":"fra1"}],"metrics":[`)
	var samples []byte
	n := s.fill(",", s.Keys, func() {
		k, from, size := s.series(), len(s.body)+len(samples), s.size()
		metric := measure(k) + "." + strconv.Itoa(k)
		s.add(`{"id":"`, metric, `","unit":"n","type":"GAUGE"`)
		first := len(samples)
		samples = append(samples, `,{"metricId":"`+metric+`","timestamp":`...)
		samples = strconv.AppendInt(samples, s.now, 10)
		samples = append(samples, `,"val":`...)
		samples = strconv.AppendFloat(samples, s.value(), 'f', -1, 64)
		samples = append(samples, '}')
		s.pad(from-first, size-(len(samples)-first)-len("}"), `,"tags":[{"name":"pad","value":"`, `"}]`)
		s.add("}")
	})
	s.add(`],"samples":[`)
	s.body = append(s.body, samples[1:]...)
	s.add(`]}]`)
	return s.post(jsonType, n+1)
}

// chunk is a piece of a stream of lines.
func (s *source) chunk(items int) Request {
	return Request{Bytes: append([]byte(nil), s.body...), Items: items, Body: len(s.body)}
}

func (s *source) telnet() Request {
	return s.chunk(s.fill("", 1<<20, func() {
		k, from, size := s.key(), len(s.body), s.size()
		s.add("put ", measure(k), " ")
		s.body = strconv.AppendInt(s.body, s.now, 10)
		s.add(" ")
		s.appendValue()
		s.add(" host=", host(k), " dc=fra1")
		s.pad(from, size-len("\n"), " pad=", "")
		s.add("\n")
	}))
}

// path appends a series' name of Graphite, made longer where the item is to be larger; rest is how much of it follows.
func (s *source) path(k, from, size, rest int) {
	s.add("servers.", host(k), ".", measure(k))
	s.pad(from, size-rest, ".", "")
}

func (s *source) graphite() Request {
	return s.chunk(s.fill("", 1<<20, func() {
		s.path(s.key(), len(s.body), s.size(), len(" 12345 1700000000\n"))
		s.add(" ")
		s.appendValue()
		s.add(" ")
		s.body = strconv.AppendInt(s.body, s.now/1000, 10)
		s.add("\n")
	}))
}

// pickle is a frame of protocol 2, as carbon-relay sends: [(name, (timestamp, value)), …].
func (s *source) pickle() Request {
	const head = 4 // the length
	s.body = append(s.body, 0, 0, 0, 0, 0x80, 2, ']', '(')
	n := s.fill("", s.Keys, func() {
		from := len(s.body)
		s.body = append(s.body, 'X', 0, 0, 0, 0)
		name := len(s.body)
		s.path(s.series(), from, s.size(), len("J1234G12345678\x86\x86"))
		binary.LittleEndian.PutUint32(s.body[name-4:], uint32(len(s.body)-name))
		s.body = binary.LittleEndian.AppendUint32(append(s.body, 'J'), uint32(s.now/1000))
		s.body = binary.BigEndian.AppendUint64(append(s.body, 'G'), math.Float64bits(s.value()))
		s.body = append(s.body, 0x86, 0x86)
	})
	s.body = append(s.body, 'e', '.')
	binary.BigEndian.PutUint32(s.body, uint32(len(s.body)-head))
	return s.chunk(n)
}
