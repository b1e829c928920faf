package intake

import (
	"bytes"
	"encoding/base64"
	"net/netip"
	"strconv"
	"unicode/utf8"

	"penstock/wire"
)

// What was refused is kept in a topic of its own, so that an operator can see what a sender does wrong:
//
//	{"wire":"kairosdb","reason":"…","position":17,"peer":"192.0.2.7","time":1500000000000,"raw":"…"}
//
// position is null where there is none. raw is the refused part, or the decoded body (of a GET, the query) of a request refused whole: a string, or base64
// with "encoding":"base64" where it is not UTF-8, and with "truncated":true where it is not all of it. A key that the request carries
// is masked in it; of a request that was not let in there is no raw at all, as strangers must not fill a disk.
const (
	rawMost      = 64 << 10  // of one part
	rejectedMost = 256 << 10 // of one request's parts together; the rest is counted only
)

var keyMask = []byte("***")

// layRejected adds the records of the batch's refused parts to the batch, of those that it was not asked for yet. peer may be zero.
func (w *worker) layRejected(wireName string, peer netip.Addr, now int64) {
	parts, _ := w.batch.Rejected()
	for i := w.asked; i < len(parts) && w.toldBytes < rejectedMost; i++ {
		w.toldBytes += w.layReject(wireName, &parts[i], parts[i].Raw, peer, now)
		w.told++
	}
	w.asked = len(parts)
}

// layRefusal adds the record of a request refused whole. The fault stays as it is.
func (w *worker) layRefusal(wireName string, fault *wire.Fault, peer netip.Addr, now int64) {
	raw := fault.Raw
	switch {
	case fault.Code == wire.NoKey || fault.Code == wire.BadKey:
		raw = nil
	case raw == nil && len(w.inflate.out) > 0:
		raw = w.inflate.out
	case raw == nil && len(w.request.Body) > 0:
		raw = w.request.Body
	case raw == nil:
		raw = w.query // of a GET: what it sends is there
	}
	w.layReject(wireName, fault, raw, peer, now)
}

func (w *worker) layReject(wireName string, fault *wire.Fault, raw []byte, peer netip.Addr, now int64) (size int) {
	cut := len(raw) > rawMost
	if cut {
		raw = wholeRunes(raw[:rawMost])
	}
	if len(w.key) > 0 && bytes.Contains(raw, w.key) {
		raw = bytes.ReplaceAll(raw, w.key, keyMask)
	}
	dst := append(w.batch.Open(), `{"wire":"`...)
	dst = append(dst, wireName...)
	dst = append(dst, `","reason":`...)
	if reason := fault.Detail; reason != nil {
		if len(w.key) > 0 && bytes.Contains(reason, w.key) {
			reason = bytes.ReplaceAll(reason, w.key, keyMask)
		}
		dst = wire.AppendQuoted(dst, reason)
	} else {
		dst = wire.AppendQuoted(dst, fault.Code.Text())
	}
	dst = append(dst, `,"position":`...)
	if fault.Offset == wire.NoOffset {
		dst = append(dst, "null"...)
	} else {
		dst = strconv.AppendInt(dst, int64(fault.Offset), 10)
	}
	dst = append(dst, `,"peer":`...)
	if peer.IsValid() {
		dst = append(peer.AppendTo(append(dst, '"')), '"')
	} else {
		dst = append(dst, "null"...)
	}
	dst = append(dst, `,"time":`...)
	dst = strconv.AppendInt(dst, now, 10)
	dst = append(dst, `,"raw":`...)
	if utf8.Valid(raw) {
		dst = wire.AppendQuoted(dst, raw)
	} else {
		dst = base64.StdEncoding.AppendEncode(append(dst, '"'), raw)
		dst = append(dst, `","encoding":"base64"`...)
	}
	if cut {
		dst = append(dst, `,"truncated":true`...)
	}
	value := w.batch.Close(append(dst, '}'))
	r := w.batch.Add()
	r.Topic, r.Value, r.Time = rejectedTopic, value, now
	return len(value)
}

// wholeRunes drops a letter at the end that was cut in two: it would make text look like bytes.
func wholeRunes(raw []byte) []byte {
	for i := len(raw) - 1; i >= 0 && i > len(raw)-utf8.UTFMax; i-- {
		if utf8.RuneStart(raw[i]) {
			if !utf8.FullRune(raw[i:]) {
				return raw[:i]
			}
			break
		}
	}
	return raw
}

// makeRejectedTopic sees to it that the topic is there; it has one shard. When it can't be made, the records meet the same error.
func (s *Server) makeRejectedTopic() {
	if _, ok := s.opt.Set.Topic(wire.RejectedTopic); !ok {
		_ = s.opt.Set.CreateTopic(wire.RejectedTopic, 1)
	}
}

// presented is the key that a request carries, asked for or not: it is masked in what is kept of it.
func presented(r *route, req *wire.Request) []byte {
	if r.Key == nil {
		return nil
	}
	return r.Key(req)
}

// peerOfRequest is who sent it; the zero address without a connection.
func peerOfRequest(cl client) netip.Addr {
	if cl == nil {
		return netip.Addr{}
	}
	return cl.base().peer
}

var rejectedTopic = []byte(wire.RejectedTopic)
