package catalog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"penstock/wire"
)

// version is the file's format. A version is raised by any change that an older program would lose or misread.
const version = 1

// file is catalog.json.
type file struct {
	Version int              `json:"version"`
	Topics  map[string]topic `json:"topics"`
}

// topic is one topic's columns, in the words of the configuration file and of `table create`.
type topic struct {
	TimeColumn string `json:"time_column,omitempty"`
	TimeFormat string `json:"time_format,omitempty"`
	ShardKey   string `json:"shard_key,omitempty"`
}

// encode writes the file for a set of topics.
func encode(topics map[string]*wire.Columns) ([]byte, error) {
	f := file{Version: version, Topics: make(map[string]topic, len(topics))}
	for name, c := range topics {
		t := topic{TimeColumn: c.Time, ShardKey: c.Key}
		if c.Time != "" {
			t.TimeFormat = c.Unit.String()
		}
		f.Topics[name] = t
	}
	data, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return nil, err
	}
	return append(data, '\n'), nil
}

// decode reads the file. Its errors complete the sentence "the catalog PATH …".
// The version comes first: a newer file is "too new", whatever else is in it.
func decode(data []byte) (map[string]*wire.Columns, error) {
	var head struct {
		Version *int `json:"version"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return nil, damaged(err)
	}
	if head.Version == nil {
		return nil, damaged(errors.New("it has no version"))
	}
	if *head.Version != version {
		return nil, fmt.Errorf("has version %d, and this program knows version %d: start the program that wrote it", *head.Version, version)
	}
	var f file
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return nil, damaged(err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, damaged(errors.New("something follows the catalog"))
	}
	topics := make(map[string]*wire.Columns, len(f.Topics))
	for name, t := range f.Topics {
		c, err := t.columns()
		if err == nil && !wire.ValidTopic(name) {
			err = errors.New(wire.BadTopic.Text())
		}
		if err != nil {
			return nil, damaged(fmt.Errorf("topic %q: %w", name, err))
		}
		topics[name] = c
	}
	return topics, nil
}

func (t topic) columns() (*wire.Columns, error) {
	c := &wire.Columns{Time: t.TimeColumn, Key: t.ShardKey}
	if t.TimeFormat != "" {
		unit, ok := wire.ParseUnit(t.TimeFormat)
		if !ok {
			return nil, fmt.Errorf("time_format %q is not known", t.TimeFormat)
		}
		c.Unit = unit
	}
	return c, nil
}

// damaged tells the operator what to do with a file that does not read.
func damaged(err error) error {
	return fmt.Errorf("is damaged (%w): put back a copy, or move it away to start with an empty one", err)
}
