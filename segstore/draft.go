package segstore

import "sync"

// Draft is a batch that is being laid: the open one of a log, or one that is laid apart from its log, in memory that Drafts lends. Many may lay theirs at
// once; the log's writer only puts them where they belong. It is empty until its first record.
type Draft struct {
	bytes    []byte // room for the head, and the records; nil: none was reserved
	baseTime int64
	maxTime  int64
	count    int32
	ids      int64 // records with an ID
	sum      uint32
	summed   int // bytes of records that sum is the CRC of
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
