// Command segment sends calls of every kind with Segment's own library, and prints each one that was accepted as the library wrote it.
//
//	segment URL WRITE-KEY
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/segmentio/analytics-go/v3"
)

const tracks = 240

func main() {
	told := new(told)
	client, err := analytics.NewWithConfig(os.Args[2], analytics.Config{
		Endpoint:   os.Args[1],
		BatchSize:  50, // several requests, at the same time
		Interval:   20 * time.Millisecond,
		Callback:   told,
		RetryAfter: func(int) time.Duration { return 100 * time.Millisecond },
	})
	if err != nil {
		log.Fatal(err)
	}
	calls := all()
	for _, call := range calls {
		if err := client.Enqueue(call); err != nil {
			log.Fatal(err)
		}
	}
	if err := client.Close(); err != nil {
		log.Fatal(err)
	}
	if told.count != len(calls) {
		log.Fatalf("%d of %d calls were accepted", told.count, len(calls))
	}
}

// all is a call of each kind, the largest event that Segment takes, and a row of small ones.
func all() []analytics.Message {
	at := time.Date(2026, 11, 22, 8, 9, 10, 123456789, time.FixedZone("", 3600))
	calls := []analytics.Message{
		analytics.Identify{UserId: "user-1", Traits: analytics.NewTraits().SetName("Zoë “Z” O'Hara").SetEmail("zoe@example.com")},
		analytics.Track{UserId: "user-1", Event: "Order <Completed> & paid", Timestamp: at, Properties: analytics.NewProperties().SetRevenue(1e21).Set("ids", []int64{9007199254740993})},
		analytics.Page{AnonymousId: "anonymous-1", Name: "Home", MessageId: "page-1"},
		analytics.Screen{UserId: "user-1", Name: "Main\u2028\\\"\t"},
		analytics.Group{UserId: "user-1", GroupId: "group-1", Traits: analytics.NewTraits().Set("plan", map[string]any{"name": "gold", "seats": 7})},
		analytics.Alias{PreviousId: "anonymous-1", UserId: "user-1"},
		analytics.Track{UserId: "user-2", Event: "large", MessageId: "large-1", Timestamp: at,
			Context:    &analytics.Context{Locale: "de-CH", Extra: map[string]any{"écran": nil}},
			Properties: analytics.Properties{"text": strings.Repeat("x", 31_000)}},
	}
	for i := range tracks {
		calls = append(calls, analytics.Track{UserId: fmt.Sprint("user-", i), Event: "tick", Properties: analytics.Properties{"i": i}})
	}
	return calls
}

// told hears from the library what became of each call. The messages it gets are complete: with their type, id and time.
type told struct {
	mu    sync.Mutex
	count int
}

func (t *told) Success(call analytics.Message) {
	t.mu.Lock()
	defer t.mu.Unlock()
	text, err := json.Marshal(call)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", text)
	t.count++
}

func (t *told) Failure(call analytics.Message, err error) {
	log.Fatalf("%v was not accepted: %v", call, err)
}
