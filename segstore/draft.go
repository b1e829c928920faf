package segstore

import (
	"sync"

	"penstock/segstore/pack"
)

// Draft is a batch that is being laid: the open one of a log, or one that is laid apart from its log, in memory that Drafts lends. Many may lay theirs at
// once; the log's writer only puts them where they belong. It is empty until its first record.
type Draft struct {
	bytes    []byte // room for the head, and the records; nil: none was reserved
	baseTime int64
	maxTime  int64
	count    int32
	ids      int64 // records with an ID
	sum      uint32
	summed   int        // bytes of records that sum is the CRC of
	packed   bool       // the records are in a frame
	frame    pack.Frame // that is being written
}

// Append lays a record: see Log.AppendRecord. Room must have been made.
func (d *Draft) Append(id *ID, key, value, headers []byte, ms int64) {
	if d.count == 0 {
		d.baseTime, d.maxTime = ms, ms
	}
	if id != nil {
		d.ids++
	}
	at := len(d.bytes)
	d.bytes = d.bytes[:at+putRecord(d.bytes[at:cap(d.bytes)], ms-d.baseTime, int64(d.count), id, key, value, headers)]
	d.count++
	d.maxTime = max(d.maxTime, ms)
}

// Lay lays a record that has neither ID nor headers, but for its value, whose place it returns: it must be filled before the batch is put. Room must
// have been made, as for Append; nil: there is too little.
func (d *Draft) Lay(key []byte, size int, ms int64) (value []byte) {
	at := len(d.bytes)
	if cap(d.bytes)-at < len(key)+size+RecordOverhead || d.packed {
		return nil
	}
	if d.count == 0 {
		d.baseTime, d.maxTime = ms, ms
	}
	dst := d.bytes[at : at+len(key)+size+RecordOverhead]
	n, behind, bytes := putUsual(dst, ms-d.baseTime, int64(d.count), lengthOf(key), int64(size), 1)
	if n == 0 {
		n = putHead(dst, ms-d.baseTime, int64(d.count), key, int64(size), 1)
	} else {
		n = putKey(dst, n, key, behind, bytes)
	}
	dst[n+size] = 0 // headers
	d.bytes = d.bytes[:at+n+size+1]
	d.count++
	d.maxTime = max(d.maxTime, ms)
	return dst[n : n+size : n+size]
}

// Mark is a draft's state, to go back to.
type Mark struct {
	size    int
	maxTime int64
	count   int32
	packed  bool
	frame   pack.Frame
}

// Mark notes what the draft has, which has records without IDs only, and has not been summed.
func (d *Draft) Mark() Mark { return Mark{len(d.bytes), d.maxTime, d.count, d.packed, d.frame} }

// Back takes back what was laid since a mark.
func (d *Draft) Back(to *Mark) {
	if to.packed {
		d.bytes = d.frame.Back(d.bytes, &to.frame, to.size)
	}
	d.bytes, d.maxTime, d.count, d.packed = d.bytes[:to.size], to.maxTime, to.count, to.packed
}

// Records starts reading the records, after which nothing is laid any more. Their offsets begin at 0.
func (d *Draft) Records() Records {
	d.finish()
	records := d.bytes[BatchOverhead:]
	if d.packed {
		if records = unpack(records); records == nil {
			panic("BUG: a frame that was just written is none")
		}
	}
	return Records{rest: records, baseTime: d.baseTime, left: d.count}
}

// Count is how many records the batch has.
func (d *Draft) Count() int { return int(d.count) }

// Size is how many bytes the batch has.
func (d *Draft) Size() int64 { return int64(len(d.bytes)) }

// Drafts lends memory to drafts. Anyone may use it; the zero value is ready.
type Drafts struct {
	mu     sync.Mutex
	stages Stages
}

// draftsMost is how much memory drafts may have. Those of requests that gave up waiting have theirs until a disk that hangs goes on.
const draftsMost = 64 << 20

// Begin makes a draft that has room for records that take n bytes: see Log.Reserve. false: drafts have as much memory as they may.
func (p *Drafts) Begin(n int) (d Draft, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stages.Lent() >= draftsMost {
		return d, false
	}
	return Draft{bytes: p.stages.take(BatchOverhead + n)[:BatchOverhead]}, true
}

// Grow makes room for n bytes more of records, so that the draft has twice the memory at least. false: drafts have as much memory as they may.
func (p *Drafts) Grow(d *Draft, n int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stages.Lent() >= draftsMost {
		return false
	}
	larger := append(p.stages.take(max(2*cap(d.bytes), len(d.bytes)+n)), d.bytes...)
	p.stages.give(d.bytes)
	d.bytes = larger
	return true
}

// End takes a draft's memory back.
func (p *Drafts) End(d *Draft) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stages.give(d.bytes)
	*d = Draft{}
}

// Lent is how much memory drafts have.
func (p *Drafts) Lent() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stages.Lent()
}

// FitsInPlace reports whether a draft may be Put: there is room in the segment that is being written, and nothing to ask of the disk.
func (l *Log) FitsInPlace(d *Draft) bool {
	return !l.closed.Load() && !l.poisoned.Load() && !l.astray && l.fits(d.Size())
}

// Put puts a draft that FitsInPlace behind what the log has, as a batch of its own, and publishes it; the open batch is closed before. It returns the
// offset of the draft's last record. The draft's memory is free then. Should a sync have failed meanwhile, its records are Lost as others are.
func (l *Log) Put(d *Draft) (last int64) {
	l.Commit()
	l.next += int64(d.count)
	l.closeBatch(d)
	return l.next - 1
}

// Place is Put for a draft that perhaps does not fit: it may begin a segment. Errors are Reserve's, and leave the draft as it is.
func (l *Log) Place(d *Draft) (last int64, err error) {
	l.Commit()
	if err := l.makeRoom(d.Size() - BatchOverhead); err != nil {
		return 0, err
	}
	return l.Put(d), nil
}
