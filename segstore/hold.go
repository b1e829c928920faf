package segstore

// Hold keeps the record at offset and all behind it from being retired, whatever their age and however full the disk is: somebody has yet to
// fetch them. Segments end where they end, so some before it stay, too. math.MaxInt64, as at first: nothing is held. Anyone may call it.
func (l *Log) Hold(offset int64) { l.hold.Store(offset) }

// holds is whether a segment has records that are held; next is the segment behind it.
func (l *Log) holds(next *segment) bool { return next.base > l.hold.Load() }
