package group

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"penstock/segstore"
	"penstock/segstore/disk"
)

// What is decoded is what was encoded, and takes no more room than it said.
func TestRecords(t *testing.T) {
	for _, c := range []change{
		{kind: setOffset, group: "g", partition: partition{"t", 3}, offset: offset{at: 1 << 40, epoch: -1, metadata: "of the client", time: 5}},
		{kind: setOffset, group: strings.Repeat("g", groupNameMax), partition: partition{strings.Repeat("t", topicNameMax), 1 << 30},
			offset: offset{at: -1, epoch: 1 << 30, metadata: strings.Repeat("m", 4096), time: 1 << 50}},
		{kind: dropOffset, group: "g", partition: partition{"t", 0}},
		{kind: setGroup, group: "g", era: era{generation: 1 << 30, protocolType: "consumer", protocol: "range", emptySince: occupied}},
		{kind: setGroup, group: "g", era: era{emptySince: 77}},
		{kind: dropGroup, group: "g"},
	} {
		key, value := c.encode()
		if got, err := decode(key, value); err != nil || got != c {
			t.Errorf("%+v became %+v, %v", c, got, err)
		}
		if n := int64(len(key) + len(value) + segstore.RecordOverhead); n > c.size() {
			t.Errorf("%+v takes %d bytes and says %d", c, n, c.size())
		}
	}
}

// Any bytes are a record or an error.
func FuzzDecode(f *testing.F) {
	for _, c := range []change{{kind: setOffset, group: "g", partition: partition{"t", 3}}, {kind: setGroup, group: "g"}, {kind: dropGroup, group: "g"}} {
		key, value := c.encode()
		f.Add(key, value)
	}
	f.Fuzz(func(t *testing.T, key, value []byte) {
		c, err := decode(key, value)
		if err != nil {
			return
		}
		k, v := c.encode()
		if again, err := decode(k, v); err != nil || again != c {
			t.Errorf("%+v became %+v, %v", c, again, err)
		}
	})
}

// Records that are none of ours are told and passed over.
func TestForeignRecords(t *testing.T) {
	d := disk.NewMem()
	st := openStoreOn(t, d)
	if err := st.wait(st.append(change{kind: setOffset, group: "g", partition: partition{"t", 0}, offset: offset{at: 7}})); err != nil {
		t.Fatal(err)
	}
	key, value := (&change{kind: setOffset, group: "g", partition: partition{"t", 0}, offset: offset{at: 9}}).encode()
	foreign := [][2][]byte{{nil, nil}, {{1}, nil}, {{0, 9, 1}, value}, {key[:len(key)-1], value}, {key, value[:5]}, {key, append([]byte{0, 4}, value[2:]...)},
		{{0, 2, 0}, nil}, {{0, 2, 0, 1, 'g'}, {0, 3}}, {{0, 2, 0, 1, 'g'}, bytes.Repeat([]byte{0xff}, 40)}}
	for _, r := range foreign {
		if err := st.log.Reserve(1000); err != nil {
			t.Fatal(err)
		}
		st.log.Append(r[0], r[1], 0)
		st.log.Commit()
	}
	if err := st.close(); err != nil {
		t.Fatal(err)
	}
	var told bytes.Buffer
	o := storeOptions(d)
	o.Logger = slog.New(slog.NewTextHandler(&told, nil))
	st, err := openStore(o, &memory{})
	if err != nil {
		t.Fatal(err)
	}
	if got := st.kept["g"].offsets[partition{"t", 0}].at; got != 7 || len(st.kept) != 1 {
		t.Errorf("there is %v", factsOf(st))
	}
	if n := strings.Count(told.String(), "none that we know"); n != len(foreign) {
		t.Errorf("%d of %d were told:\n%s", n, len(foreign), told.String())
	}
}

// Rot in the log costs what it hits: an older commit counts then, and the operator is told.
func TestRot(t *testing.T) {
	d := disk.NewMem()
	st := openStoreOn(t, d)
	for i := range int64(4) {
		if err := st.wait(st.append(change{kind: setOffset, group: "g", partition: partition{"t", int32(i % 2)}, offset: offset{at: i}})); err != nil {
			t.Fatal(err)
		}
	}
	if err := st.close(); err != nil {
		t.Fatal(err)
	}
	for _, path := range d.Paths() {
		if content := d.File(path).Bytes(); strings.HasSuffix(path, ".log") {
			content = bytes.Clone(content)
			content[len(content)-3] ^= 1
			d.Put(path, content)
		}
	}
	var told bytes.Buffer
	o := storeOptions(d)
	o.Logger = slog.New(slog.NewTextHandler(&told, nil))
	st, err := openStore(o, &memory{})
	if err != nil {
		t.Fatal(err)
	}
	got := st.kept["g"].offsets
	if got[partition{"t", 0}].at != 2 || got[partition{"t", 1}].at != 1 {
		t.Errorf("there is %v", factsOf(st))
	}
	if !strings.Contains(told.String(), "level=ERROR") {
		t.Errorf("told is only:\n%s", told.String())
	}
}

// The log stays a few times as large as what counts, however much is committed, and so does what a start has to read.
func TestCompaction(t *testing.T) {
	d := disk.NewMem()
	st := openStoreOn(t, d)
	for i := range int64(20_000) {
		st.append(change{kind: setOffset, group: "g", partition: partition{"t", int32(i % 50)}, offset: offset{at: i}})
		if i%100 == 99 {
			st.flush()
		}
	}
	st.append(change{kind: setOffset, group: "other", partition: partition{"t", 0}}, change{kind: dropGroup, group: "other"})
	if err := st.close(); err != nil {
		t.Fatal(err)
	}
	if st.logged > 40<<10 || st.log.First() < 18_000 {
		t.Errorf("%d bytes count, and the log has %d, from record %d on", st.live, st.logged, st.log.First())
	}
	again := openStoreOn(t, d)
	if len(again.kept) != 1 || len(again.kept["g"].offsets) != 50 || again.kept["g"].offsets[partition{"t", 49}].at != 19_999 {
		t.Errorf("there is %v", factsOf(again))
	}
	if again.live != st.live || again.logged > st.logged+10<<10 {
		t.Errorf("%d bytes count, were %d, and %d are read", again.live, st.live, again.logged)
	}
}

// Restarts begin segments; many of them are a reason to compact, too.
func TestManyRestarts(t *testing.T) {
	d := disk.NewMem()
	for i := range int64(100) {
		st := openStoreOn(t, d)
		if err := st.wait(st.append(change{kind: setOffset, group: "g", partition: partition{"t", 0}, offset: offset{at: i}})); err != nil {
			t.Fatal(err)
		}
		if n := st.log.Segments(); n > segmentsMax+4 {
			t.Fatalf("%d segments after %d restarts", n, i)
		}
		if err := st.close(); err != nil {
			t.Fatal(err)
		}
	}
}

// What was appended while a sync was failing is lost with the rest, although the next sync, of what came after, succeeds.
func TestLostBeforeItWasSynced(t *testing.T) {
	d := disk.NewMem()
	st := openStoreOn(t, d)
	commit := func(at int64) *write {
		return st.append(change{kind: setOffset, group: "g", partition: partition{"t", 0}, offset: offset{at: at}})
	}
	if err := st.wait(commit(1)); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("input/output error")
	var during *write
	d.Before = func(call, _ string) error {
		if call != "sync" {
			return nil
		}
		d.Before = nil
		during = commit(3)
		return broken
	}
	if err := st.wait(commit(2)); !errors.Is(err, broken) {
		t.Fatalf("the commit that met it: %v", err)
	}
	after := st.append(change{kind: setOffset, group: "g", partition: partition{"other", 0}})
	if err := st.wait(during); !errors.Is(err, segstore.ErrLost) {
		t.Errorf("the commit of that moment: %v", err)
	}
	if err := st.wait(after); err != nil {
		t.Errorf("the commit after: %v", err)
	}
	if at := st.kept["g"].offsets[partition{"t", 0}].at; at != 1 {
		t.Errorf("committed is %d", at)
	}
}

// Those who commit at once share syncs, and each commit is on disk when it is answered.
func TestCommitsShareSyncs(t *testing.T) {
	var syncs atomic.Int64
	hold := make(chan struct{})
	traced := &disk.Trace{Disk: disk.OS{}, After: func(call, path string, err error) error {
		if call == "sync" && strings.HasSuffix(path, disk.TemporarySuffix) {
			syncs.Add(1)
			<-hold // others have time to come
		}
		return err
	}}
	o := storeOptions(traced)
	o.Dir = t.TempDir()
	st, err := openStore(o, &memory{most: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	const clients = 50
	var begun, done sync.WaitGroup
	errs := make(chan error, clients)
	for i := range clients {
		begun.Add(1)
		done.Go(func() {
			w := st.append(change{kind: setOffset, group: fmt.Sprint(i), partition: partition{"t", 0}, offset: offset{at: int64(i)}})
			begun.Done()
			errs <- st.wait(w)
		})
	}
	begun.Wait()
	close(hold)
	done.Wait()
	for range clients {
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
	}
	if n := syncs.Load(); n < 1 || n > 3 {
		t.Errorf("%d commits took %d syncs", clients, n)
	}
	if err := st.close(); err != nil {
		t.Fatal(err)
	}
}
