package stackstate

import (
	"bytes"

	"penstock/wire"
)

// The rules of health messages [D]. The vendor checks them behind the receiver and tells of breaches in its own console; here a message
// that breaks one is refused alone, with the reason [decided]. Further members, and whatever these do not speak of, are kept as sent.
const (
	healthStream    = "health: stream.urn must be urn:health:<source>:<stream>"
	healthModel     = "health: consistency_model must be REPEAT_SNAPSHOTS, REPEAT_STATES or TRANSACTIONAL_INCREMENTS"
	healthInterval  = "health: repeat_interval_s must be above 0 and at most 1800"
	healthExpiry    = "health: start_snapshot needs an expiry_interval_s above 0 where the stream has a sub_stream_id"
	healthIncrement = "health: an increment with the offset of its checkpoint is due in TRANSACTIONAL_INCREMENTS"
	healthStates    = "health: check_states must be a list of objects with a checkStateId"
	healthState     = "health: the health of a check state must be CLEAR, DEVIATING or CRITICAL, or delete be true"
)

// Words match in any case [D for the states].
var (
	models       = []string{"REPEAT_SNAPSHOTS", "REPEAT_STATES", transactional}
	healths      = []string{"CLEAR", "DEVIATING", "CRITICAL"}
	streamPrefix = []byte("urn:health:")
)

const (
	transactional = "TRANSACTIONAL_INCREMENTS"
	longestRepeat = 1800 // seconds
)

// health lays each health message as it was sent.
func (p *intake) health(at int) *wire.Fault {
	if at == 0 {
		return nil
	}
	list := wire.Reader{Src: p.body, At: at + 1}
	for list.Next() {
		start := list.At
		if list.Kind() != '{' {
			return p.wrong(start, inHealth, "", aMap)
		}
		if fault := p.room(0, start); fault != nil {
			return fault
		}
		object := list.Value()
		m := message{input: &p.input}
		if breach := m.read(object); breach != "" {
			reason := p.Close(append(p.Open(), breach...))
			p.Refuse(wire.BadField, start, object).Because(reason)
			continue
		}
		p.layObject(wire.KindHealth, m.key(), object)
	}
	return nil
}

// message is what the rules are about in one health message.
type message struct {
	*input
	urn, sub      []byte
	model         string
	snapshot      bool // starts one
	expires       bool // and says when it expires
	hasCheckpoint bool
}

// read returns the rule that a message breaks, "" for none.
func (m *message) read(object []byte) (breach string) {
	r := wire.Reader{Src: object, At: 1}
	for breach == "" && r.Next() {
		switch string(m.name(&r)) {
		case "stream":
			m.stream(&r)
		case "consistency_model":
			m.model, breach = m.word(&r, models, healthModel)
		case "start_snapshot":
			m.snapshot = r.Kind() == '{'
			m.expires, breach = m.interval(&r)
		case "expiry":
			_, breach = m.interval(&r)
		case "increment":
			m.increment(&r)
		case "check_states":
			breach = m.states(&r)
		default:
			r.Skip()
		}
	}
	switch {
	case breach != "":
		return breach
	case !isStream(m.urn):
		return healthStream
	case m.snapshot && len(m.sub) > 0 && !m.expires:
		return healthExpiry
	case m.model == transactional && !m.hasCheckpoint:
		return healthIncrement
	}
	return ""
}

// key is that of the message's record: its stream, so that what is said of one stays in order.
func (m *message) key() []byte {
	if len(m.sub) == 0 {
		return m.urn
	}
	return m.Close(append(append(append(m.Open(), m.urn...), '/'), m.sub...))
}

// isStream reports whether urn is urn:health:<source>:<stream>.
func isStream(urn []byte) bool {
	rest, ok := bytes.CutPrefix(urn, streamPrefix)
	source, stream, colon := bytes.Cut(rest, colon)
	return ok && colon && len(source) > 0 && len(stream) > 0
}

func (m *message) stream(r *wire.Reader) {
	m.urn, m.sub = nil, nil
	if !r.Enter('{') {
		r.Skip()
		return
	}
	for r.Next() {
		switch name := m.name(r); {
		case string(name) == "urn" && r.Kind() == '"':
			m.urn = m.text.Of(r.Value(), m.Batch)
		case string(name) == "sub_stream_id" && r.Kind() == '"':
			m.sub = m.text.Of(r.Value(), m.Batch)
		default:
			r.Skip()
		}
	}
}

// word reads one of words, in any case; null is none of them and no breach.
func (m *message) word(r *wire.Reader, words []string, breach string) (word, broken string) {
	kind, value := r.Kind(), r.Value()
	switch kind {
	case 'n':
		return "", ""
	case '"':
		text, _ := m.text.Borrow(value)
		for _, word := range words {
			if len(text) == len(word) && bytes.EqualFold(text, []byte(word)) {
				return word, ""
			}
		}
	}
	return "", breach
}

// interval reads {repeat_interval_s, expiry_interval_s}, and says whether there is the second.
func (m *message) interval(r *wire.Reader) (expires bool, breach string) {
	if !r.Enter('{') {
		r.Skip()
		return false, ""
	}
	for r.Next() {
		name := m.name(r)
		repeats, ends := string(name) == "repeat_interval_s", string(name) == "expiry_interval_s"
		value := r.Value()
		ms, ok := wire.ParseScaled(value, 3)
		if repeats && (!ok || ms <= 0 || ms > longestRepeat*1000) {
			breach = healthInterval
		}
		if ends {
			expires = ok && ms > 0
		}
	}
	return expires, breach
}

// increment looks for the offset of the checkpoint: {"checkpoint":{"offset":5}}.
func (m *message) increment(r *wire.Reader) {
	m.hasCheckpoint = false
	if !r.Enter('{') {
		r.Skip()
		return
	}
	for r.Next() {
		if string(m.name(r)) != "checkpoint" || !r.Enter('{') {
			r.Skip()
			continue
		}
		for r.Next() {
			isOffset := string(m.name(r)) == "offset"
			if _, ok := wire.ParseScaled(r.Value(), 0); isOffset {
				m.hasCheckpoint = ok
			}
		}
	}
}

// states reads the check states, which null has none of.
func (m *message) states(r *wire.Reader) (breach string) {
	if !r.Enter('[') {
		if r.Kind() != 'n' {
			return healthStates
		}
		r.Skip()
		return ""
	}
	for r.Next() {
		if breach := m.state(r); breach != "" {
			return breach
		}
	}
	return ""
}

// state reads {checkStateId, health} or {checkStateId, "delete":true}, which goes before anything else.
func (m *message) state(r *wire.Reader) (breach string) {
	if !r.Enter('{') {
		return healthStates
	}
	identified, deleted, health := false, false, ""
	for r.Next() {
		switch string(m.name(r)) {
		case "checkStateId":
			value := r.Value()
			identified = value[0] == '"' && len(value) > len(`""`)
		case "delete":
			deleted = r.Kind() == 't'
			r.Skip()
		case "health":
			health, _ = m.word(r, healths, "")
		default:
			r.Skip()
		}
	}
	switch {
	case !identified:
		return healthStates
	case !deleted && health == "":
		return healthState
	}
	return ""
}
