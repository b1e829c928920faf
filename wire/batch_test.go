package wire

import (
	"bytes"
	"reflect"
	"testing"
)

// Scratch handed out stays as it was written, through any growth, until Reset; no two pieces overlap, not even by append.
func TestBatch_ScratchStays(t *testing.T) {
	var b Batch
	for round := range 3 {
		b.Reset()
		var pieces [][]byte
		for i := range 500 {
			piece := b.Scratch(i * 7 % 300)
			for j := range piece {
				piece[j] = byte(i)
			}
			_ = append(piece, 0xff) // must not reach the next piece
			pieces = append(pieces, piece)
		}
		for i, piece := range pieces {
			if len(piece) != i*7%300 || len(bytes.Trim(piece, string([]byte{byte(i)}))) != 0 {
				t.Fatalf("round %d: piece %d was overwritten: %x", round, i, piece)
			}
		}
	}
}

func TestBatch_ResetForgets(t *testing.T) {
	var b Batch
	*b.Add() = Record{Topic: []byte("t"), Key: []byte("k"), Value: []byte("v"), Time: 7}
	fault := b.Fail(BadJSON, 3)
	if fault.Error() != "the JSON is malformed at byte 3" {
		t.Errorf("fault says %q", fault.Error())
	}
	b.Reset()
	if len(b.Records) != 0 || !reflect.DeepEqual(b.fault, Fault{}) {
		t.Error("Reset left something")
	}
	if r := b.Add(); r.Topic != nil || r.Key != nil || r.Value != nil || r.Time != 0 {
		t.Errorf("a new record has an old one's fields: %+v", r)
	}
	b.Scratch(scratchKeep + 1)
	b.Reset()
	if cap(b.scratch) > scratchKeep {
		t.Error("a giant's scratch was kept")
	}
}

// Add's record is the batch's own, whether the slot is new or used before.
func TestBatch_AddPointsIntoRecords(t *testing.T) {
	var b Batch
	for range 2 {
		b.Reset()
		for i := range 100 {
			b.Add().Time = int64(i)
		}
		for i, r := range b.Records {
			if r.Time != int64(i) {
				t.Fatalf("record %d has time %d", i, r.Time)
			}
		}
	}
}
