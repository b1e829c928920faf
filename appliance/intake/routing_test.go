package intake

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"penstock/segstore"
	"penstock/wire"
	"penstock/wire/graphite"
	"penstock/wire/kairosdb"
)

// Every record is in the shard that its key's hash says, whether a parser remembers that or the router made it.
func TestRouting(t *testing.T) {
	r := start(t, func(o *Options) {
		o.Formats = []wire.Format{graphite.Format, kairosdb.New(kairosdb.Settings{})}
		o.Streams = map[string]string{"telnet": "127.0.0.1:0", "graphite": "127.0.0.1:0", "pickle": "127.0.0.1:0"}
	})
	const rounds, series = 3, 40
	var puts, lines, pickles strings.Builder
	for round := range rounds {
		pickle := "\x80\x02]("
		for i := range series {
			fmt.Fprintf(&puts, "put load.%d %d 1.5 host=web%02d\n", i, 1795324341+round, i)
			fmt.Fprintf(&lines, "servers.web%02d.load 1.5 %d\n", i, 1795324341+round)
			pickle += fmt.Sprintf("U\x0fweb.host%02d.loadJ5\x97\x02kK%c\x86\x86", i, round)
		}
		pickle += "e."
		pickles.Write(binary.BigEndian.AppendUint32(nil, uint32(len(pickle))))
		pickles.WriteString(pickle)
	}
	tell(t, dial(t, r.at("telnet")), puts.String())
	tell(t, dial(t, r.at("graphite")), lines.String())
	tell(t, dial(t, r.at("pickle")), pickles.String())
	r.waitStored(t, "metrics", 3*rounds*series)
	topic, _ := r.set.Topic("metrics")
	hash, logs, found := r.set.Hasher(), topic.Logs(), [2]int{}
	for shard, log := range logs {
		cursor := log.Cursor(log.First())
		defer cursor.Close()
		for {
			batch, err := cursor.Next()
			if errors.Is(err, segstore.ErrTail) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			records := batch.Records()
			for rec, ok := records.Next(); ok; rec, ok = records.Next() {
				found[shard]++
				if want := hash(rec.Key) % uint64(len(logs)); want != uint64(shard) {
					t.Errorf("%s is in shard %d, and belongs to %d", rec.Key, shard, want)
				}
			}
		}
	}
	if found[0] < series || found[1] < series {
		t.Errorf("%v records in the shards", found)
	}
}
