//go:build invariants || race

package ring

import (
	"strings"
	"testing"
)

// What only a caller's bug can break is named, where it happens.
func TestMisuseIsNamed(t *testing.T) {
	for _, c := range []struct {
		name, want string
		do         func(r *Ring)
	}{
		{"committed twice", "settled a second time", func(r *Ring) {
			c, _ := r.Claim(8)
			c.Commit()
			c.Commit()
		}},
		{"aborted after its commit was drained", "settled a second time", func(r *Ring) {
			c, _ := r.Claim(8)
			c.Commit()
			r.Drain(1, func([]byte) {})
			c.Abort()
		}},
		{"aborted a lap later", "settled a second time", func(r *Ring) {
			c, _ := r.Claim(1000)
			c.Commit()
			for range 9 {
				c, _ := r.Claim(1000)
				c.Abort()
				r.Drain(1, func([]byte) {})
			}
			c.Abort()
		}},
		{"drained inside a drain", "one consumer", func(r *Ring) {
			c, _ := r.Claim(8)
			c.Commit()
			r.Drain(1, func([]byte) { r.Drain(1, func([]byte) {}) })
		}},
		{"written behind its commit, into the next claim", "not zero", func(r *Ring) {
			r.words[0] = 7
			r.Claim(8)
		}},
		{"a word that no producer wrote", "no producer wrote", func(r *Ring) {
			r.words[0] = 1 << 40
			r.Drain(1, func([]byte) {})
		}},
		{"a frame that nobody claimed", "no producer wrote", func(r *Ring) {
			r.words[0] = 8
			r.Drain(1, func([]byte) {})
		}},
		{"padding that is not in words", "no producer wrote", func(r *Ring) {
			r.tail.Store(64)
			r.words[0] = 1<<64 - 7
			r.Drain(1, func([]byte) {})
		}},
		{"a frame that wraps", "no producer wrote", func(r *Ring) {
			r.head.Store(4080)
			r.tail.Store(5080)
			r.words[4080/wordBytes] = 100
			r.Drain(1, func([]byte) {})
		}},
		{"a claim that is not in words", "wraps or is not aligned", func(r *Ring) { r.checkClaimed(4, 8) }},
		{"a claim that wraps", "wraps or is not aligned", func(r *Ring) { r.checkClaimed(4080, 24) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			defer func() {
				if text, _ := recover().(string); !strings.HasPrefix(text, "BUG: ") || !strings.Contains(text, c.want) {
					t.Errorf("said %q, want %q", text, c.want)
				}
			}()
			c.do(newRing(4096))
		})
	}
}
