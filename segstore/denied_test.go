package segstore

import (
	"errors"
	"testing"

	"penstock/segstore/disk"
)

// A disk carries out a call and says that it failed. The log refuses records for that moment, no longer.
func TestCallsCarriedOutAndDenied(t *testing.T) {
	for _, denied := range []string{"rename", "remove", "create", "truncate", "sync", "sync dir"} {
		t.Run(denied, func(t *testing.T) {
			on := false
			d := &disk.Trace{Disk: disk.NewMem(), After: func(call, _ string, err error) error {
				if on && call == denied {
					on = false
					return errIO
				}
				return err
			}}
			f := openLog(t, d, testOptions())
			refused := 0
			add := func() {
				n := f.Log.next
				if err := errors.Join(f.tryAdd(n, n+100), f.Sync()); err != nil {
					refused++
				}
				_ = f.Background()
				f.now += 10
				_, _ = f.Retire(f.now - 50)
			}
			for range 12 {
				on = true
				add()
				add()
			}
			on = false
			before, next := refused, f.Log.next
			f.add(next, next+3)
			f.must(f.Sync())
			f.reopen()
			there, _ := f.read()
			if refused != before || len(there) == 0 || there[len(there)-1].next != next+3 || refused > 12 {
				t.Fatalf("refused %d times, the log holds %v of %d", refused, there, next+3)
			}
		})
	}
}
