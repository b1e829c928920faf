package group

import "sync/atomic"

// memory counts about how many bytes clients have made the coordinator hold.
type memory struct {
	held atomic.Int64
	most int64
}

// take counts n more bytes, unless that were too many. Giving back, with n below 0, always succeeds.
func (m *memory) take(n int64) bool {
	if m.held.Add(n) > m.most && n > 0 {
		m.held.Add(-n)
		return false
	}
	return true
}

// force counts n more bytes whatever their number: they are on disk.
func (m *memory) force(n int64) { m.held.Add(n) }

// room says whether there is any for n bytes more.
func (m *memory) room(n int64) bool { return m.held.Load()+n <= m.most }

// What a thing is counted with beside its names and contents.
const (
	groupCost   = 1024
	memberCost  = 1024
	pendingCost = 256
	offsetCost  = 256
)
