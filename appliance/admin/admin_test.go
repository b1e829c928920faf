package admin

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"penstock/appliance/catalog"
	"penstock/appliance/shard"
	"penstock/wire"
)

// appliance is a real one without its public doors: logs, catalog and the admin server on a free port.
type appliance struct {
	*testing.T
	set     *shard.Set
	catalog *catalog.Catalog
	server  *Server
	url     string
}

// start opens an appliance whose new topics have so many shards, on dir.
func start(t *testing.T, dir string, shards int) *appliance {
	t.Helper()
	set, err := shard.Open(shard.Options{Dir: dir, Shards: shards, SegmentBytes: 1 << 20, MaxTopics: 100})
	if err != nil {
		t.Fatal(err)
	}
	kept, err := catalog.Open(filepath.Join(dir, "catalog"))
	if err != nil {
		t.Fatal(err)
	}
	a := &appliance{T: t, set: set, catalog: kept}
	a.serve(Options{Set: func() *shard.Set { return set }})
	t.Cleanup(func() { // runs after the server's, which was registered later
		if err := set.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(a.close)
	return a
}

func (a *appliance) serve(o Options) {
	a.Helper()
	o.Addr, o.Catalog, o.Version = "127.0.0.1:0", a.catalog, "1.2.3"
	server, err := New(o)
	if err != nil {
		a.Fatal(err)
	}
	a.server, a.url = server, "http://"+server.Addr().String()
	go func() {
		if err := server.Serve(); err != nil {
			a.Error(err)
		}
	}()
}

func (a *appliance) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := a.server.Close(ctx); err != nil {
		a.Error(err)
	}
}

// put keeps records, in order, and waits until they are on disk.
func (a *appliance) put(topic string, records ...wire.Record) {
	a.Helper()
	batch := &wire.Batch{}
	for _, r := range records {
		r.Topic = []byte(topic)
		*batch.Add() = r
	}
	ticket := a.set.NewTicket()
	if err := a.set.Offer(batch, ticket, shard.AckDisk); err != nil {
		a.Fatal(err)
	}
	if err := ticket.Wait(shardWait); err != nil {
		a.Fatal(err)
	}
}

const shardWait = 30 * time.Second

// record makes one whose value is text, at a time in ms.
func record(key, value string, ms int64) wire.Record {
	return wire.Record{Key: []byte(key), Value: []byte(value), Time: ms}
}

// numbered makes n records {"n":0}, {"n":1}, … of one key, 1000 ms apart from 0 on.
func numbered(n int) []wire.Record {
	var all []wire.Record
	for i := range n {
		all = append(all, record("k", fmt.Sprintf(`{"n":%d}`, i), int64(i)*1000))
	}
	return all
}

type answer struct {
	*http.Response
	body string
}

// told is a header, or the trailer of that name.
func (a *answer) told(name string) string { return a.Header.Get(name) + a.Trailer.Get(name) }

func (a *appliance) do(method, path, body string) *answer {
	a.Helper()
	request, err := http.NewRequest(method, a.url+path, strings.NewReader(body))
	if err != nil {
		a.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		a.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		a.Fatal(err)
	}
	return &answer{response, string(text)}
}

func (a *appliance) get(path string) *answer {
	a.Helper()
	return a.do(http.MethodGet, path, "")
}
