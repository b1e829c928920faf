package main

import (
	"encoding/json"
	"strings"
	"testing"

	"penstock/appliance/admin"
)

func TestTopicCommands(t *testing.T) {
	s := serveAdmin(t, 2)
	for _, c := range []struct {
		args  string
		stdin string
		out   []string // lines, as fields
		err   string
	}{
		{"topic list", "", []string{"TOPIC SHARDS RECORDS BYTES TIME COLUMN SHARD KEY"}, ""},
		{"topic describe clicks", "", nil, `there is no topic "clicks": no topic has been made yet`},
		{"topic create clicks --shards 1 --time-column ts --time-format seconds --shard-key user", "", []string{
			"topic clicks", "time column ts seconds", "shard key user", "", "SHARD FIRST NEXT WRITTEN SYNCED BYTES SEGMENTS", "0 0 0 0 0 0 0"}, ""},
		{"topic create clicks", "", nil, `the topic "clicks" exists`},
		{"topic create clicks --shards 3", "", nil, `the topic "clicks" exists with 1 shards, and the number of a topic's shards can't change`},
		{"topic create clicks --time-column=", "", []string{
			"topic clicks", "time column -", "shard key user", "", "SHARD FIRST NEXT WRITTEN SYNCED BYTES SEGMENTS", "0 0 0 0 0 0 0"}, ""},
		{"topic create events --time-format hours", "", nil, `time_format must be milliseconds, seconds or microseconds, not "hours"`},
		{"topic create events", "", []string{
			"topic events", "time column -", "shard key -", "", "SHARD FIRST NEXT WRITTEN SYNCED BYTES SEGMENTS", "0 0 0 0 0 0 0", "1 0 0 0 0 0 0"}, ""},
		{"topic list", "", []string{"TOPIC SHARDS RECORDS BYTES TIME COLUMN SHARD KEY", "clicks 1 0 0 - user", "events 2 0 0 - -"}, ""},
		{"topic describe evnts", "", nil, `there is no topic "evnts": there are events, clicks`},
		{"topic delete event --yes", "", nil, `there is no topic "event": there are events, clicks`},
		{"topic delete events", "", nil, "nothing was deleted: type the topic's name when asked, or use --yes"},
		{"topic delete events", "yes\n", nil, "nothing was deleted: type the topic's name when asked, or use --yes"},
		{"topic delete events", "events\n", []string{"deleted events"}, ""},
		{"topic delete clicks --yes", "", []string{"deleted clicks"}, ""},
		{"topic list", "", []string{"TOPIC SHARDS RECORDS BYTES TIME COLUMN SHARD KEY"}, ""},
	} {
		out, _, err := s.runWith(c.stdin, strings.Fields(c.args)...)
		if text := errorText(err); text != c.err {
			t.Errorf("%s: error %q, want %q", c.args, text, c.err)
		}
		var lines []string
		for line := range strings.Lines(out) {
			lines = append(lines, strings.Join(strings.Fields(line), " "))
		}
		if strings.Join(lines, "\n") != strings.Join(c.out, "\n") {
			t.Errorf("%s: got\n%s\nwant\n%s", c.args, out, strings.Join(c.out, "\n"))
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestTopicJSON(t *testing.T) {
	s := serveAdmin(t, 1)
	s.put("t", "k", 0, numbers(0, 3)...)
	out, _, err := s.run("topic", "list", "--output", "json")
	var list admin.TopicList
	if err != nil || json.Unmarshal([]byte(out), &list) != nil || len(list.Topics) != 1 || list.Topics[0].Shards[0].Next != 3 {
		t.Errorf("%v %s", err, out)
	}
	out, _, err = s.run("topic", "describe", "t", "--output", "json")
	var info admin.TopicInfo
	if err != nil || json.Unmarshal([]byte(out), &info) != nil || info.Topic != "t" || info.Shards[0].Bytes <= 0 {
		t.Errorf("%v %s", err, out)
	}
	if out, _, err = s.run("topic", "delete", "t", "--yes", "--output", "json"); err != nil || !strings.Contains(out, `"deleted": "t"`) {
		t.Errorf("%v %s", err, out)
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"", "abc", 3}, {"kitten", "sitting", 3}, {"evnts", "events", 1}, {"same", "same", 0}} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("%s to %s: %d, want %d", c.a, c.b, got, c.want)
		}
	}
}
