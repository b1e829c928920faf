package intake

import (
	"encoding/base64"
	"strconv"
	"unicode/utf8"

	"github.com/valyala/fasthttp"

	"penstock/wire"
)

// isDryRun reports whether a request asks what would become of it.
func isDryRun(query wire.Peeker) bool {
	v := query.Peek("dry_run")
	return string(v) == "1" || string(v) == "true"
}

// The most that a dry run's answer shows: so many records, as long as they have no more than so many bytes.
const (
	dryRunRecords = 1000
	dryRunBytes   = 1 << 20
)

// dryRun answers what would be stored, or exactly why not; nothing is stored or counted:
//
//	{"dry_run":true,"wire":"kairosdb","status":400,"stored":1,"refused":1,
//	 "records":[{"topic":"metrics","key":"…","time":1,"value":{…}}],"rejected":[{"code":"bad_tag","reason":"…","position":17,"raw":"…"}],"reply":"…"}
//
// status and reply are what the sender would be told. The answer's own status is always 200.
func (w *worker) dryRun(s *Server, ctx *fasthttp.RequestCtx, r *route) {
	w.outcome = wire.Outcome{Request: &w.request}
	if w.outcome.Fault = w.parse(s, r); w.outcome.Fault != nil {
		w.outcome.Verdict = wire.Refused
		w.batch.Clear()
	}
	parts, refused := w.batch.Rejected()
	w.outcome.Records, w.outcome.Items, w.outcome.Echo, w.outcome.Rejected = len(w.batch.Records), w.batch.Items, w.batch.Echo, parts
	reply := r.Reply(nil, &w.outcome)

	dst := append([]byte(nil), `{"dry_run":true,"wire":"`...)
	dst = append(dst, s.opt.Formats[r.format].Name...)
	dst = append(dst, `","status":`...)
	dst = strconv.AppendInt(dst, int64(reply.Status), 10)
	dst = append(dst, `,"stored":`...)
	dst = strconv.AppendInt(dst, int64(len(w.batch.Records)), 10)
	if fault := w.outcome.Fault; fault != nil {
		parts, refused = append([]wire.Fault{*fault}, parts...), refused+1
	}
	dst = append(dst, `,"refused":`...)
	dst = strconv.AppendInt(dst, int64(refused), 10)
	dst = append(dst, `,"records":[`...)
	for i := range w.batch.Records[:min(len(w.batch.Records), dryRunRecords)] {
		if i > 0 && len(dst) > dryRunBytes {
			break
		}
		dst = appendDryRecord(dst, i, &w.batch.Records[i])
	}
	dst = append(dst, `],"rejected":[`...)
	for i := range parts {
		if i > 0 && len(dst) > 2*dryRunBytes {
			break
		}
		dst = appendDryReject(dst, i, &parts[i])
	}
	dst = append(dst, `],"reply":`...)
	dst = append(wire.AppendQuoted(dst, reply.Body), '}', '\n')
	ctx.SetStatusCode(fasthttp.StatusOK)
	ctx.SetContentType("application/json")
	ctx.SetBody(dst)
}

func appendDryRecord(dst []byte, i int, r *wire.Record) []byte {
	if i > 0 {
		dst = append(dst, ',')
	}
	dst = wire.AppendQuoted(append(dst, `{"topic":`...), r.Topic)
	dst = append(dst, `,"key":`...)
	if r.Key == nil {
		dst = append(dst, "null"...)
	} else {
		dst = wire.AppendQuoted(dst, r.Key)
	}
	dst = append(dst, `,"time":`...)
	dst = strconv.AppendInt(dst, r.Time, 10)
	dst = append(dst, `,"value":`...)
	end, code := wire.ScanValue(r.Value, 0)
	switch {
	case code == wire.OK && wire.SkipSpace(r.Value, end) == len(r.Value):
		dst = append(dst, r.Value...)
	case utf8.Valid(r.Value):
		dst = wire.AppendQuoted(dst, r.Value)
	default:
		dst = base64.StdEncoding.AppendEncode(append(dst, '"'), r.Value)
		dst = append(dst, `","encoding":"base64"`...)
	}
	return append(dst, '}')
}

func appendDryReject(dst []byte, i int, f *wire.Fault) []byte {
	if i > 0 {
		dst = append(dst, ',')
	}
	dst = append(dst, `{"code":"`...)
	dst = append(dst, f.Code.String()...)
	dst = append(dst, `","reason":`...)
	if f.Detail != nil {
		dst = wire.AppendQuoted(dst, f.Detail)
	} else {
		dst = wire.AppendQuoted(dst, f.Code.Text())
	}
	dst = append(dst, `,"position":`...)
	if f.Offset == wire.NoOffset {
		dst = append(dst, "null"...)
	} else {
		dst = strconv.AppendInt(dst, int64(f.Offset), 10)
	}
	if f.Raw != nil {
		dst = wire.AppendQuoted(append(dst, `,"raw":`...), f.Raw[:min(len(f.Raw), rawMost)])
	}
	return append(dst, '}')
}
