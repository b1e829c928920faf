package segstore

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"penstock/segstore/disk"
)

// splitsMax is how often bytes behind damage are moved to a segment of their own in one start. A file damaged in more places is left
// as it is, for readers to step over: moving costs a copy of the rest.
const splitsMax = 8

// mend scans a segment and carries out what the table says about each place where the scan stopped.
func (r *recovery) mend(i int, p *patient) error {
	s := p.segment
	s.index, s.next, s.maxTime = newIndex(s.capacity), s.base, neverTime
	s.ids.Store(0)
	p.unsynced, p.kept = s.capacity, 0
	for from, base := int64(0), s.base; ; {
		at := scan(p.content[from:], max(0, p.written-from), base, p.nextBase, r.synced, p.torn, func(pos int64, h header) { r.keep(p, from+pos, h) })
		at.position, at.resume = at.position+from, at.resume+from
		p.extendable = at.verdict == end || at.verdict == cut
		if p.extendable && p.torn && at.expected != p.nextBase {
			_, known, err := knownGap(r.l.disk, r.l.dir, at.expected, p.nextBase)
			if err != nil { // what follows may be all that was acknowledged since: it is not set aside for want of a look at the notes
				return fmt.Errorf("%s ends early, and the notes (*.gap) that may say why can't be read: %w", s.path, err)
			}
			if known {
				p.torn = false // what is missing was given up by a failed sync, and the log went on behind it
				return r.mend(i, p)
			}
			if err := r.setLaterAside(i); err != nil {
				return err
			}
		}
		switch at.verdict {
		case end:
			return nil
		case cut:
			r.cutTail(p, at)
			return nil
		case damage:
			next := p.nextBase
			if next < 0 {
				next = r.synced
			}
			rest := at.position + p.filled(at.position)
			r.missing(s.path, at, next)
			p.spoilt = !r.saveAside(s, p.content, at.position, rest, damagedSuffix) || p.spoilt
			return nil
		case skip:
			r.missing(s.path, at, at.next)
			if r.saveAside(s, p.content, at.position, at.resume, damagedSuffix) && r.splitOff(i, p, at) {
				return nil
			}
			p.spoilt = true
			from, base = at.resume, at.next
		default:
			panic("BUG: a scan stopped without a verdict")
		}
	}
}

// filled is how many bytes behind a position are more than zeros at the file's end.
func (p *patient) filled(from int64) int64 { return zerosFrom(p.content[from:max(from, p.written)]) }

// keep takes a batch into the log.
func (r *recovery) keep(p *patient, pos int64, h header) {
	s := p.segment
	s.index.add(indexEntry{offset: h.base, position: pos, maxTime: s.maxTime})
	s.maxTime, s.next = max(s.maxTime, h.maxTime), h.next()
	p.kept = pos + h.size
	s.ids.Add(batchIDs(&Batch{h: h, bytes: p.content[pos:p.kept]}, nil))
	r.epoch = max(r.epoch, int64(h.epoch))
	if h.next() > r.synced {
		p.unsynced = min(p.unsynced, pos)
	}
}

// missing reports that [at.expected, next) can't be read and notes why beside the segments.
func (r *recovery) missing(path string, at place, next int64) {
	f := Finding{Path: path, Position: at.position, First: at.expected, Next: next, Kind: Gap, Bytes: max(0, at.resume-at.position), Text: at.reason}
	if next == at.expected { // no record is due between what stands here and what follows
		r.l.report(f)
		return
	}
	if at.expected < r.synced {
		f.Kind = Damage
	}
	if reason, ok, _ := knownGap(r.l.disk, r.l.dir, f.First, f.Next); ok {
		f.Kind, f.Text = KnownGap, reason
		r.l.report(f)
		return
	}
	r.l.report(f)
	if err := writeGap(r.l.disk, r.l.dir, f, r.l.o.Now()); err != nil {
		f.Kind, f.Text = Gap, "why they are missing could not be noted: "+err.Error()
		r.l.report(f)
	}
}

// cutTail zeroes a torn tail, so that nothing of it can ever be taken for a batch, and keeps a copy if sound batches were in it.
// For want of space the copy is done without: nobody was told that they are safe.
func (r *recovery) cutTail(p *patient, at place) {
	torn := p.filled(at.position)
	if at.sound {
		r.saveAside(p.segment, p.content, at.position, at.position+torn, cutSuffix)
	}
	if !p.copied {
		clear(p.data[at.position : at.position+torn])
	}
	r.l.report(Finding{Path: p.path, Position: at.position, First: at.expected, Next: at.expected, Bytes: torn, Kind: TornTail,
		Text: at.reason + ": cut, it was never acknowledged as safe"})
}

// setLaterAside takes the segments behind the torn segment i out of the log: nothing in them was acknowledged. It is on disk before
// anything else is: a checkpoint of this start, and one of them come back, would look like records that were lost.
func (r *recovery) setLaterAside(i int) error {
	for n := len(r.list) - 1; n > i; n-- {
		s := r.list[n]
		if err := r.l.disk.Rename(s.path, s.path+cutSuffix); err != nil {
			return err
		}
		_ = r.l.disk.SetTime(s.path+cutSuffix, r.l.o.Now()) // else the machine's clock says when it may go
		r.l.report(Finding{Path: s.path, First: s.base, Next: s.base, Bytes: s.capacity, Kind: TornTail,
			Text: "the segment before it ends early: set aside, it was never acknowledged as safe"})
		r.list = r.list[:n]
	}
	return r.l.disk.SyncDir(r.l.dir)
}

// saveAside copies bytes of a segment to a file of their own and says whether that succeeded. When it does not, for want of space as
// a rule, the log starts all the same, and damaged bytes stay where they are.
func (r *recovery) saveAside(s *segment, content []byte, from, to int64, suffix string) bool {
	if to <= from {
		return true
	}
	path := fmt.Sprintf("%s-%d%s", strings.TrimSuffix(s.path, ".log"), from, suffix)
	if err := disk.WriteWhole(r.l.disk, path, content[from:to]); err != nil {
		r.l.report(Finding{Path: s.path, Position: from, Bytes: to - from, Kind: Gap, Text: "can't keep a copy of these bytes: " + err.Error()})
		return false
	}
	_ = r.l.disk.SetTime(path, r.l.o.Now()) // else the machine's clock says when it may go
	return true
}

// splitOff moves the sound batches behind the damage to a segment of their own, named by their first offset, and says whether it
// could. It is in place before the damaged segment is cut, so a crash between the two finds both and cuts again.
func (r *recovery) splitOff(i int, p *patient, at place) bool {
	if r.splits++; r.splits > splitsMax {
		return false
	}
	path := segmentPath(r.l.dir, at.next)
	err := disk.WriteWhole(r.l.disk, path, p.content[at.resume:])
	if err == nil {
		err = errors.Join(r.l.disk.SetTime(path, p.newest), r.l.disk.SyncDir(r.l.dir))
	}
	if err != nil {
		r.l.report(Finding{Path: p.path, Position: at.resume, Kind: Gap, Text: "what stands behind the damage stays where it is: " + err.Error()})
		return false
	}
	behind := newSegment(at.next, path, int64(len(p.content))-at.resume)
	behind.newest, behind.created = p.newest, p.created
	r.list = slices.Insert(r.list, i+1, behind)
	return true
}
