package fuzz

import (
	"encoding/json"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"penstock/wire"
)

// slowStackState is the format's reading of a body in the plainest form: a tree, made by encoding/json.
type slowStackState struct {
	shift   int
	time    int64
	host    string
	lines   []string
	refused int
}

func (s *slowStackState) read(path string, body []byte) error {
	tree, err := parseTree(body)
	if err != nil {
		return err
	}
	ok := false
	switch path {
	case stackstateIntake:
		ok = s.intake(tree)
	case stackstateSeries:
		o, is := tree.(object)
		list, has := o["series"].([]any)
		ok = is && has && s.all(list, s.series)
	default:
		list, is := tree.([]any)
		ok = is && s.all(list, s.check)
	}
	if !ok {
		return errSlow
	}
	return nil
}

func (s *slowStackState) all(list []any, one func(v any) bool) bool {
	for _, v := range list {
		if !one(v) {
			return false
		}
	}
	return true
}

// optional is a member of a type, or none: absent or null.
func optional[T any](o object, name string) (v T, ok bool) {
	if o[name] == nil {
		return v, true
	}
	v, ok = o[name].(T)
	return v, ok
}

func (s *slowStackState) intake(tree any) bool {
	o, ok := tree.(object)
	host, has := o["internalHostname"].(string)
	s.host = host
	at, ok1 := optional[json.Number](o, "collection_timestamp")
	metrics, ok2 := optional[[]any](o, "metrics")
	events, ok3 := optional[object](o, "events")
	checks, ok4 := optional[[]any](o, "service_checks")
	topologies, ok5 := optional[[]any](o, "topologies")
	health, ok6 := optional[[]any](o, "health")
	if !ok || !has || !ok1 || !ok2 || !ok3 || !ok4 || !ok5 || !ok6 {
		return false
	}
	if ms, ok := s.moment(at); ok {
		s.time = ms
	}
	for name, v := range events {
		list, ok := v.([]any)
		if !ok && v != nil || !s.all(list, func(v any) bool { return s.event(name, v) }) {
			return false
		}
	}
	return s.all(metrics, s.metric) && s.all(checks, s.check) && s.all(topologies, s.topology) && s.all(health, s.health)
}

func (s *slowStackState) moment(n json.Number) (int64, bool) {
	return wire.ParseScaled([]byte(n), s.shift)
}

// lay adds what a record says, without what is empty.
func (s *slowStackState) lay(v map[string]any, time int64) {
	for name, value := range v {
		if value == nil {
			delete(v, name)
		}
	}
	s.lines = append(s.lines, stackstateLine(v, time))
}

// filled is a text, nil when it is empty.
func filled(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// hostOr is a host, or the sender's.
func (s *slowStackState) hostOr(host string) any {
	if host == "" {
		host = s.host
	}
	return filled(host)
}

// tags reads a list of tags; a device is one more.
func (s *slowStackState) tags(o object, device string) (tags any, ok bool) {
	list, ok := optional[[]any](o, "tags")
	values := map[string][]string{}
	if device != "" {
		values["device"] = []string{device}
	}
	for _, v := range list {
		text, is := v.(string)
		if !is {
			return nil, false
		}
		name, value, _ := strings.Cut(text, ":")
		if name == "" {
			s.refused++
			continue
		}
		values[name] = append(values[name], value)
	}
	all := map[string]string{}
	for name, several := range values {
		slices.Sort(several)
		several = slices.Compact(several)
		if len(several) > 1 && several[0] == "" {
			several = several[1:]
		}
		all[name] = strings.Join(several, ",")
	}
	if len(all) == 0 {
		return nil, ok
	}
	return all, ok
}

// startsWith reports whether a name is empty or begins with one of the words.
func startsWith(name, words string) bool {
	return name == "" || slices.ContainsFunc(strings.Fields(words), func(word string) bool { return strings.HasPrefix(name, word) })
}

const slowMetricWords = "host name timestamp timeReceived labels tags values"

// fits reports whether a number can be kept.
func fits(n json.Number) bool {
	f, err := strconv.ParseFloat(string(n), 64)
	if err != nil || len(n) > 64 {
		return false
	}
	if math.Abs(f) < math.MaxFloat64 {
		return true
	}
	exact, _, err := big.ParseFloat(strings.TrimPrefix(string(n), "-"), 10, 2000, big.ToZero)
	most, _, _ := big.ParseFloat("1.797693134862315709e308", 10, 2000, big.ToZero)
	return err == nil && exact.Cmp(most) < 0
}

func (s *slowStackState) metric(v any) bool {
	parts, ok := v.([]any)
	if !ok || len(parts) != 4 {
		return false
	}
	name, ok0 := parts[0].(string)
	at, ok1 := parts[1].(json.Number)
	value, ok2 := parts[2].(json.Number)
	about, ok3 := parts[3].(object)
	host, ok4 := optional[string](about, "hostname")
	kind, ok5 := optional[string](about, "type")
	device, ok6 := optional[string](about, "device_name")
	tags, ok7 := s.tags(about, device)
	if !ok0 || !ok1 || !ok2 || !ok3 || !ok4 || !ok5 || !ok6 || !ok7 {
		return false
	}
	ms, ok := s.moment(at)
	if startsWith(name, slowMetricWords) || !ok || !fits(value) {
		s.refused++
		return true
	}
	s.lay(map[string]any{"kind": "metric", "metric": name, "value": value, "host": s.hostOr(host), "type": filled(kind), "tags": tags}, ms)
	return true
}

func (s *slowStackState) series(v any) bool {
	o, ok := v.(object)
	name, ok0 := o["metric"].(string)
	points, ok1 := o["points"].([]any)
	host, ok2 := optional[string](o, "host")
	kind, ok3 := optional[string](o, "type")
	device, ok4 := optional[string](o, "device")
	source, ok5 := optional[string](o, "source_type_name")
	tags, ok6 := s.tags(o, device)
	if !ok || !ok0 || !ok1 || !ok2 || !ok3 || !ok4 || !ok5 || !ok6 {
		return false
	}
	if startsWith(name, slowMetricWords) {
		s.refused++
		return true
	}
	return s.all(points, func(v any) bool {
		pair, ok := v.([]any)
		if !ok || len(pair) != 2 {
			return false
		}
		at, ok0 := pair[0].(json.Number)
		value, ok1 := pair[1].(json.Number)
		if !ok0 || !ok1 {
			return false
		}
		ms, ok := s.moment(at)
		if !ok || !fits(value) {
			s.refused++
			return true
		}
		s.lay(map[string]any{"kind": "metric", "metric": name, "value": value, "host": filled(host), "type": filled(kind), "sourcetype": filled(source), "tags": tags}, ms)
		return true
	})
}

func (s *slowStackState) event(name string, v any) bool {
	o, ok := v.(object)
	at, ok0 := o["timestamp"].(json.Number)
	_, ok1 := optional[string](o, "msg_title")
	_, ok2 := optional[string](o, "msg_text")
	host, ok3 := optional[string](o, "host")
	source, ok4 := optional[string](o, "source_type_name")
	tags, ok5 := s.tags(o, "")
	if !ok || !ok0 || !ok1 || !ok2 || !ok3 || !ok4 || !ok5 {
		return false
	}
	ms, ok := s.moment(at)
	if startsWith(name, "eventType host labels message name tags timeReceived timestamp title") || !ok {
		s.refused++
		return true
	}
	more := map[string]any{}
	for _, name := range []string{"priority", "alert_type", "aggregation_key", "event_type", "context"} {
		if o[name] != nil {
			more[name] = o[name]
		}
	}
	r := map[string]any{"kind": "event", "event": name, "title": o["msg_title"], "text": o["msg_text"], "host": s.hostOr(host), "sourcetype": filled(source), "tags": tags}
	if len(more) > 0 {
		r["attributes"] = more
	}
	s.lay(r, ms)
	return true
}

func (s *slowStackState) check(v any) bool {
	o, ok := v.(object)
	name, ok0 := o["check"].(string)
	status, ok1 := o["status"].(json.Number)
	at, ok2 := optional[json.Number](o, "timestamp")
	host, ok3 := optional[string](o, "host_name")
	_, ok4 := optional[string](o, "message")
	tags, ok5 := s.tags(o, "")
	if !ok || !ok0 || !ok1 || !ok2 || !ok3 || !ok4 || !ok5 {
		return false
	}
	ms, timely := s.time, true
	if at != "" {
		ms, timely = s.moment(at)
	}
	if name == "" || !timely || !slices.Contains([]string{"0", "1", "2", "3"}, string(status)) {
		s.refused++
		return true
	}
	s.lay(map[string]any{"kind": "check", "check": name, "status": status, "message": o["message"], "host": s.hostOr(host), "tags": tags}, ms)
	return true
}

func (s *slowStackState) topology(v any) bool {
	o, ok := v.(object)
	s.lay(map[string]any{"kind": "topology", "topology": o}, s.time)
	return ok
}

func (s *slowStackState) health(v any) bool {
	o, ok := v.(object)
	if !ok {
		return false
	}
	if !slowHealth(o) {
		s.refused++
		return true
	}
	s.lay(map[string]any{"kind": "health", "health": o}, s.time)
	return true
}

// slowHealth is the rules of a health message.
func slowHealth(o object) bool {
	stream, _ := o["stream"].(object)
	urn, _ := stream["urn"].(string)
	sub, _ := stream["sub_stream_id"].(string)
	rest, prefixed := strings.CutPrefix(urn, "urn:health:")
	source, id, colon := strings.Cut(rest, ":")
	if !prefixed || !colon || source == "" || id == "" {
		return false
	}
	model, ok := optional[string](o, "consistency_model")
	_, states := optional[[]any](o, "check_states")
	if !ok || !states || o["consistency_model"] != nil && !isWord(model, "REPEAT_SNAPSHOTS", "REPEAT_STATES", "TRANSACTIONAL_INCREMENTS") {
		return false
	}
	start, starts := o["start_snapshot"].(object)
	expiry, _ := o["expiry"].(object)
	for _, interval := range []object{start, expiry} {
		if repeat, has := interval["repeat_interval_s"]; has && !isWithin(repeat, 1800) {
			return false
		}
	}
	if starts && sub != "" {
		expiry, _ := start["expiry_interval_s"].(json.Number)
		if ms, ok := wire.ParseScaled([]byte(expiry), 3); !ok || ms <= 0 { // to the last millisecond that 64 bits hold
			return false
		}
	}
	if isWord(model, "TRANSACTIONAL_INCREMENTS") {
		increment, _ := o["increment"].(object)
		checkpoint, _ := increment["checkpoint"].(object)
		offset, _ := checkpoint["offset"].(json.Number)
		if _, ok := wire.ParseScaled([]byte(offset), 0); !ok {
			return false
		}
	}
	list, _ := o["check_states"].([]any)
	return !slices.ContainsFunc(list, func(v any) bool {
		state, _ := v.(object)
		id, _ := state["checkStateId"].(string)
		health, _ := state["health"].(string)
		return id == "" || state["delete"] != true && !isWord(health, "CLEAR", "DEVIATING", "CRITICAL")
	})
}

// isWord reports whether text is one of words of ASCII, in any case.
func isWord(text string, words ...string) bool {
	return slices.ContainsFunc(words, func(word string) bool { return len(text) == len(word) && strings.EqualFold(text, word) })
}

// isWithin reports whether v is a number of seconds above 0 and at most most, to the millisecond.
func isWithin(v any, most int64) bool {
	n, _ := v.(json.Number)
	ms, ok := wire.ParseScaled([]byte(n), 3)
	return ok && ms > 0 && ms <= most*1000
}
