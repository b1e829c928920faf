package admin

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"penstock/wire"
)

func TestTopics(t *testing.T) {
	a := start(t, t.TempDir(), 2)
	for _, c := range []struct {
		name, method, path, body string
		status                   int
		part                     string // of the answer
	}{
		{"none yet", "GET", "", "", 200, `{"topics":[]}`},
		{"create", "POST", "", `{"name":"plain"}`, 201, `{"topic":"plain","shards":[{"shard":0,"first":0,"next":0,"written":0,"synced":0,`},
		{"exists", "POST", "", `{"name":"plain"}`, 409, "exists"},
		{"exists, same shards", "POST", "", `{"name":"plain","shards":2}`, 409, "exists"},
		{"exists, other shards", "POST", "", `{"name":"plain","shards":3}`, 409, "exists with 2 shards"},
		{"columns and shards", "POST", "", `{"name":"clicks","shards":3,"time_column":"ts","time_format":"seconds","shard_key":"user"}`, 201,
			`"time_column":"ts","time_format":"seconds","shard_key":"user"}`},
		{"same columns", "POST", "", `{"name":"clicks","time_column":"ts"}`, 409, "exists"},
		{"other shards leave the columns alone", "POST", "", `{"name":"clicks","shards":4,"shard_key":"x"}`, 409, "exists with 3 shards"},
		{"still the old columns", "GET", "/clicks", "", 200, `"time_column":"ts","time_format":"seconds","shard_key":"user"}`},
		{"one column changes", "POST", "", `{"name":"clicks","shard_key":"host"}`, 200, `"time_column":"ts","time_format":"seconds","shard_key":"host"}`},
		{"the unit changes", "POST", "", `{"name":"clicks","time_format":"microseconds"}`, 200, `"time_format":"microseconds"`},
		{"the time column goes", "POST", "", `{"name":"clicks","time_column":""}`, 200, `],"shard_key":"host"}`},
		{"all columns go", "POST", "", `{"name":"clicks","shard_key":""}`, 200, `]}`},
		{"columns for a topic without", "POST", "", `{"name":"plain","time_column":"ts"}`, 200, `"time_column":"ts","time_format":"milliseconds"}`},
		{"unit without a column", "POST", "", `{"name":"new","time_format":"seconds"}`, 400, "give that too"},
		{"unknown unit", "POST", "", `{"name":"new","time_column":"ts","time_format":"hours"}`, 400, "milliseconds, seconds or microseconds"},
		{"no name", "POST", "", `{}`, 400, "can't be a topic"},
		{"a bad name", "POST", "", `{"name":"../x"}`, 400, "can't be a topic"},
		{"a long name", "POST", "", `{"name":"` + strings.Repeat("x", 250) + `"}`, 400, "can't be a topic"},
		{"negative shards", "POST", "", `{"name":"new","shards":-1}`, 400, "shards must be"},
		{"too many shards", "POST", "", `{"name":"new","shards":1025}`, 400, "shards must be"},
		{"an unknown member", "POST", "", `{"name":"new","shard":3}`, 400, `unknown field \"shard\"`},
		{"not JSON", "POST", "", `name=new`, 400, "the body is not"},
		{"nothing", "POST", "", ``, 400, "the body is not"},
		{"two bodies", "POST", "", `{"name":"new"}{"name":"new2"}`, 400, "goes on behind"},
		{"nothing of all that was made", "GET", "/new", "", 404, `there is no topic \"new\"`},
		{"delete what is not there", "DELETE", "/new", "", 404, "there is no topic"},
		{"delete", "DELETE", "/plain", "", 204, ""},
		{"deleted", "GET", "/plain", "", 404, "there is no topic"},
		{"made anew it has no columns", "POST", "", `{"name":"plain","shards":1}`, 201, `]}`},
	} {
		got := a.do(c.method, "/v1/topics"+c.path, c.body)
		if got.StatusCode != c.status || !strings.Contains(got.body, c.part) {
			t.Errorf("%s: got %d %s want %d %s", c.name, got.StatusCode, got.body, c.status, c.part)
		}
		if got.body != "" && (!json.Valid([]byte(got.body)) || got.Header.Get("Content-Type") != "application/json") {
			t.Errorf("%s: not JSON: %s", c.name, got.body)
		}
	}
	a.put("plain", numbered(5)...)
	var list TopicList
	if err := json.Unmarshal([]byte(a.get("/v1/topics").body), &list); err != nil || len(list.Topics) != 2 || list.Topics[0].Topic != "clicks" {
		t.Fatalf("%+v, %v", list, err)
	}
	log := list.Topics[1].Shards[0]
	if log.Bytes <= 0 || log.Segments != 1 || log.First != 0 || log.Next != 5 || log.Written != 5 || log.Synced != 5 {
		t.Errorf("%+v", log)
	}
	if c := a.catalog.Columns([]byte("clicks")); c != nil {
		t.Errorf("columns that went are kept as %+v", c)
	}
}

// A topic whose columns were known before it was made has them.
func TestColumnsBeforeTopic(t *testing.T) {
	a := start(t, t.TempDir(), 1)
	if err := a.catalog.SetColumns("early", &wire.Columns{Time: "ts", Unit: wire.Seconds, Key: "k"}); err != nil {
		t.Fatal(err)
	}
	if got := a.do("POST", "/v1/topics", `{"name":"early"}`); got.StatusCode != 201 || !strings.Contains(got.body, `"time_format":"seconds"`) {
		t.Error(got.StatusCode, got.body)
	}
}

func TestTooManyTopics(t *testing.T) {
	a := start(t, t.TempDir(), 1)
	made := 0
	for i := range 101 { // see start
		got := a.do("POST", "/v1/topics", fmt.Sprintf(`{"name":"t%d"}`, i))
		if got.StatusCode == 201 {
			made++
		} else if got.StatusCode != 409 || !strings.Contains(got.body, "was not created") {
			t.Fatal(got.StatusCode, got.body)
		}
	}
	if made != 100 {
		t.Errorf("%d topics were made", made)
	}
}
