package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"penstock/appliance/shard"
	"penstock/wire"
)

// TopicInfo is what GET /v1/topics/{topic} tells.
type TopicInfo struct {
	Topic      string      `json:"topic"`
	Shards     []ShardInfo `json:"shards"`
	TimeColumn string      `json:"time_column,omitempty"` // member of the events that holds their time; absent: time of arrival
	TimeFormat string      `json:"time_format,omitempty"` // its unit: milliseconds, seconds or microseconds
	ShardKey   string      `json:"shard_key,omitempty"`   // member of the events that becomes the key; absent: no key
}

// ShardInfo is one shard's log: offsets, bytes on disk and files.
type ShardInfo struct {
	Shard    int   `json:"shard"`
	First    int64 `json:"first"`   // the oldest record kept
	Next     int64 `json:"next"`    // behind the last one readers see
	Written  int64 `json:"written"` // behind the last one written
	Synced   int64 `json:"synced"`  // behind the last one on disk
	Bytes    int64 `json:"bytes"`
	Segments int   `json:"segments"`
}

// TopicList is what GET /v1/topics tells, sorted by name.
type TopicList struct {
	Topics []TopicInfo `json:"topics"`
}

// CreateTopic is the body of POST /v1/topics. A member left out stays as it is, or takes its default in a new topic.
type CreateTopic struct {
	Name       string  `json:"name"`
	Shards     int     `json:"shards,omitempty"`      // 0: the appliance's default
	TimeColumn *string `json:"time_column,omitempty"` // "" goes back to the time of arrival
	TimeFormat *string `json:"time_format,omitempty"` // default milliseconds
	ShardKey   *string `json:"shard_key,omitempty"`   // "" goes back to no key
}

// open returns the topics, or answers 503 and returns nil.
func (s *Server) open(w http.ResponseWriter) *shard.Set {
	set := s.set()
	if set == nil {
		w.Header().Set("Retry-After", "1")
		refuse(w, http.StatusServiceUnavailable, "%v", errRecovering)
	}
	return set
}

func (s *Server) listTopics(w http.ResponseWriter, _ *http.Request) {
	set := s.open(w)
	if set == nil {
		return
	}
	list := TopicList{Topics: []TopicInfo{}}
	for _, name := range set.Topics() {
		if t, ok := set.Topic(name); ok {
			list.Topics = append(list.Topics, s.describe(t))
		}
	}
	reply(w, http.StatusOK, list)
}

func (s *Server) describeTopic(w http.ResponseWriter, r *http.Request) {
	set := s.open(w)
	if set == nil {
		return
	}
	t, ok := set.Topic(r.PathValue("topic"))
	if !ok {
		unknownTopic(w, r)
		return
	}
	reply(w, http.StatusOK, s.describe(t))
}

func unknownTopic(w http.ResponseWriter, r *http.Request) {
	refuse(w, http.StatusNotFound, "there is no topic %q", r.PathValue("topic"))
}

func (s *Server) describe(t *shard.Topic) TopicInfo {
	info := TopicInfo{Topic: t.Name(), Shards: []ShardInfo{}}
	for i, log := range t.Logs() {
		info.Shards = append(info.Shards, ShardInfo{
			Shard: i, First: log.First(), Next: log.Next(), Written: log.Written(), Synced: log.Synced(),
			Bytes: log.Size(), Segments: log.Segments(),
		})
	}
	if c := s.catalog.Columns([]byte(t.Name())); c != nil {
		info.TimeColumn, info.ShardKey = c.Time, c.Key
		if c.Time != "" {
			info.TimeFormat = c.Unit.String()
		}
	}
	return info
}

// createTopic makes a topic (201). For a topic that exists it changes the columns that are given and differ (200), as records
// read from then on; else 409, and nothing changes. The number of shards of a topic never changes: its keys would move.
func (s *Server) createTopic(w http.ResponseWriter, r *http.Request) {
	set := s.open(w)
	if set == nil {
		return
	}
	ask, err := readCreate(r.Body)
	if err != nil {
		refuse(w, http.StatusBadRequest, "%v", err)
		return
	}
	columns, err := ask.columns(s.catalog.Columns([]byte(ask.Name)))
	if err != nil {
		refuse(w, http.StatusBadRequest, "%v", err)
		return
	}
	err = set.CreateTopic(ask.Name, ask.Shards)
	status := http.StatusCreated
	if errors.Is(err, shard.ErrExists) {
		t, ok := set.Topic(ask.Name)
		switch {
		case ok && ask.Shards != 0 && ask.Shards != len(t.Logs()):
			refuse(w, http.StatusConflict, "the topic %q exists with %d shards, and the number of a topic's shards can't change", ask.Name, len(t.Logs()))
			return
		case !ask.changes(s.catalog.Columns([]byte(ask.Name))):
			refuse(w, http.StatusConflict, "the topic %q exists", ask.Name)
			return
		}
		status, err = http.StatusOK, nil
	}
	if err != nil {
		refuse(w, storeStatus(err), "the topic %q was not created: %v", ask.Name, err)
		return
	}
	if ask.changes(s.catalog.Columns([]byte(ask.Name))) {
		if err := s.catalog.SetColumns(ask.Name, columns); err != nil {
			refuse(w, http.StatusInternalServerError, "the topic %q exists, but its columns were not kept: %v: repeat the request", ask.Name, err)
			return
		}
	}
	if t, ok := set.Topic(ask.Name); ok {
		reply(w, status, s.describe(t))
		return
	}
	unknownTopic(w, r) // deleted since
}

func storeStatus(err error) int {
	switch {
	case errors.Is(err, shard.ErrTopics):
		return http.StatusConflict
	case errors.Is(err, shard.ErrClosing), errors.Is(err, shard.ErrFull), errors.Is(err, shard.ErrBusy):
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

func readCreate(body io.Reader) (*CreateTopic, error) {
	decoder := json.NewDecoder(body)
	decoder.DisallowUnknownFields()
	var ask CreateTopic
	if err := decoder.Decode(&ask); err != nil {
		return nil, fmt.Errorf(`the body is not {"name":"…","shards":4,"time_column":"…","time_format":"…","shard_key":"…"}: %w`, err)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, errors.New("the body goes on behind its JSON object")
	}
	if !wire.ValidTopic(ask.Name) {
		return nil, fmt.Errorf("%q can't be a topic: %s", ask.Name, wire.BadTopic.Text())
	}
	if ask.Shards < 0 || ask.Shards > shard.ShardsMax {
		return nil, fmt.Errorf("shards must be 1 to %d, or 0 for the default", shard.ShardsMax)
	}
	return &ask, nil
}

// columns is what was known about the topic's events, with what is asked laid over it; nil when that is nothing.
func (ask *CreateTopic) columns(known *wire.Columns) (*wire.Columns, error) {
	var c wire.Columns
	if known != nil {
		c = *known
	}
	if ask.TimeColumn != nil {
		c.Time = *ask.TimeColumn
	}
	if ask.ShardKey != nil {
		c.Key = *ask.ShardKey
	}
	if ask.TimeFormat != nil && *ask.TimeFormat != "" {
		unit, ok := wire.ParseUnit(*ask.TimeFormat)
		if !ok {
			return nil, fmt.Errorf("time_format must be milliseconds, seconds or microseconds, not %q", *ask.TimeFormat)
		}
		if c.Time == "" {
			return nil, errors.New("time_format says how time_column is written: give that too")
		}
		c.Unit = unit
	}
	if c.Time == "" {
		c.Unit = wire.Milliseconds
	}
	if c == (wire.Columns{}) {
		return nil, nil
	}
	return &c, nil
}

// changes reports whether what is asked differs from what is known.
func (ask *CreateTopic) changes(known *wire.Columns) bool {
	want, err := ask.columns(known)
	if err != nil || want == nil || known == nil {
		return err != nil || want != known
	}
	return *want != *known
}

// deleteTopic removes a topic with its records, and forgets its columns (204).
func (s *Server) deleteTopic(w http.ResponseWriter, r *http.Request) {
	set := s.open(w)
	if set == nil {
		return
	}
	name := r.PathValue("topic")
	err := set.DeleteTopic(name)
	if errors.Is(err, shard.ErrUnknownTopic) {
		unknownTopic(w, r)
		return
	}
	if err == nil && s.catalog.Columns([]byte(name)) != nil {
		err = s.catalog.SetColumns(name, nil)
	}
	if err == nil {
		err = s.deleted(name)
	}
	if err != nil {
		refuse(w, storeStatus(err), "deleting the topic %q: %v", name, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
