package shard

import (
	"testing"
	"time"

	"penstock/segstore/disk"
)

const hour, day = 3600 * 1000, 24 * 3600 * 1000

// fakeTimes is a machine whose clocks are set by hand.
type fakeTimes struct {
	wall, boot int64
	name       string
}

func (f *fakeTimes) times() Times {
	return Times{Wall: func() int64 { return f.wall }, Boot: func() int64 { return f.boot }, Name: f.name}
}

func reopenedClock(t *testing.T, d disk.Disk, m *fakeTimes) *clock {
	t.Helper()
	c, err := openClock(d, "/clock", m.times())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Where the clock goes on after a stop, by what the machine's clocks say of the time in between.
func TestClockCountsOnlyTimeItCanBelieve(t *testing.T) {
	for _, c := range []struct {
		name       string
		wall, boot int64 // how far they have moved when the clock is opened again
		restarted  bool  // the machine, or it is another one; boot is then how long it has been up
		want       int64 // how far the clock has moved
	}{
		{"an hour off", hour, hour, false, hour},
		{"no time at all", 0, 0, false, 0},
		{"the wall clock went back", -hour, hour, false, hour},
		{"the wall clock jumped ten years ahead", 3650 * day, hour, false, hour},
		{"the wall clock jumped less than a day", 23 * hour, hour, false, hour},
		{"off for a week, the machine was up", 7 * day, 7 * day, false, 7 * day},
		{"a restart within the hour", hour, 1000, true, hour},
		{"a restart, just within a day", day, 1000, true, day},
		{"a restart and the wall clock went back", -hour, 1000, true, 0},
		{"a restart a week later, or a jump: who knows", 7 * day, 1000, true, 0},
		{"another machine, which has been up for a month", hour, 30 * day, true, hour},
		{"another machine, up for a month, and its wall clock is behind", -hour, 30 * day, true, 0},
	} {
		for _, jump := range []int64{0, -8 * hour, 8 * hour} { // the wall clock's, while all is up: as when it is set right
			d := disk.NewMem()
			m := &fakeTimes{wall: 1000 * day, boot: 5 * hour, name: "one"}
			first := reopenedClock(t, d, m)
			m.wall += hour + jump
			m.boot += hour
			before := first.now()
			if err := first.close(); err != nil {
				t.Fatal(err)
			}
			m.wall += c.wall
			m.boot += c.boot
			if c.restarted {
				m.boot, m.name = c.boot, "two"
			}
			second := reopenedClock(t, d, m)
			if got := second.now() - before; got != c.want {
				t.Errorf("%s, after a jump by %d: it has moved by %d ms, want %d", c.name, jump, got, c.want)
			}
			m.wall -= 10 * 365 * day
			m.boot += 7
			if got := second.now() - before; got != c.want+7 {
				t.Errorf("%s: and then by %d ms, want %d", c.name, got, c.want+7)
			}
		}
	}
}

// A clock that was opened is not forgotten, even when the process is killed, or the power fails, before it is written down again: the
// wall clock, of which nothing is known then, is not asked.
func TestClockOfAShortLife(t *testing.T) {
	for _, c := range []struct {
		power bool  // fails; else the process is killed
		want  int64 // how far the clock moves in a life of an hour
	}{{false, hour}, {true, 0}} {
		d := disk.NewMem()
		m := &fakeTimes{wall: 1000 * day, boot: hour, name: "one"}
		for life := range int64(3) {
			if got := reopenedClock(t, d, m).now() - 1000*day; got != life*c.want {
				t.Errorf("power %v, life %d: the clock has moved by %d ms", c.power, life, got)
			}
			if err := d.SyncDir("/"); err != nil { // as every start does
				t.Fatal(err)
			}
			m.wall += 3650 * day
			if m.boot += hour; c.power {
				d = d.Crash(func(int) bool { return false }, func(string, int) bool { return false })
				m.boot, m.name = 1000, m.name+"'"
			} else {
				d = d.Killed()
			}
		}
	}
}

// On a machine that does not tell its starts apart, how long it has been up makes nothing older.
func TestClockOfAMachineWithoutStarts(t *testing.T) {
	d := disk.NewMem()
	m := &fakeTimes{wall: 1000 * day, boot: 30 * day}
	for range 3 {
		if got := reopenedClock(t, d, m).now(); got != m.wall {
			t.Errorf("the clock is off by %d ms", got-m.wall)
		}
		m.wall, m.boot = m.wall+hour, m.boot+hour
	}
}

// A clock file that an earlier version wrote, that is cut short, or that is none.
func TestClockFilesOfAllSorts(t *testing.T) {
	const wall, boot = 1000 * day, hour / 2
	for _, c := range []struct {
		name, content string
		want          int64
	}{
		{"of an earlier version", "00000000086396400000\n", wall},
		{"of an earlier version, of long ago", "00000000000086400000\n", day},
		{"from the future", "00000000090000000000\n", 90000000000},
		{"cut within the first number", "000000000863", 863},
		{"of another start, of long ago", "00000000000086400000 00000000000000001000 two                                 \n", day},
		{"of another start, from the future", "00000000090000000000 00000000000000001000 two                                 \n", 90000000000},
		{"of another start", "00000000086396400000 00000000000000001000 two                                 \n", wall},
		{"of this start, but later", "00000000086396400000 00000000099999999999 one                                 \n", wall},
		{"of this start", "00000000086396400000 00000000000000001000 one                                 \n", 86396400000 + boot - 1000},
		{"of another start, with the wall clock's time",
			"00000000000086400000 00000000000000001000 two                                  00000000086396400000\n", day + hour},
		{"of no known start", "00000000000086400000 00000000000000001000 -                                    00000000086396400000\n", day + hour},
		{"nothing", "", wall},
		{"zeros", string(make([]byte, clockBytes)), wall},
		{"text", "yesterday", wall},
		{"negative", "-0000000086396400000 0 one", wall},
	} {
		d := disk.NewMem()
		d.Put("/clock", []byte(c.content))
		m := &fakeTimes{wall: wall, boot: boot, name: "one"}
		if got := reopenedClock(t, d, m).now(); got != c.want {
			t.Errorf("%s: it goes on at %d, want %d", c.name, got, c.want)
		}
	}
}

// The time since the machine's start is the kernel's own, for whoever asks, and never goes back.
func TestUpTime(t *testing.T) {
	up := machineTimes().Boot
	last := int64(0)
	for range 1000 {
		before, now, after := sinceBoot()/1e6, up(), sinceBoot()/1e6
		if now < last || now < before-leastNap.Milliseconds() || now > after+leastNap.Milliseconds() {
			t.Fatalf("%d ms, the kernel says %d to %d, and before it was %d", now, before, after, last)
		}
		last = now
	}
	slept := upTime{began: time.Now()}
	slept.ahead.Store(sinceBoot() - 3600*1e9) // the machine has slept for an hour since
	if now := slept.ms(); now < sinceBoot()/1e6-leastNap.Milliseconds() {
		t.Errorf("%d ms, an hour of sleep was missed", now)
	}
}
