package proc

import (
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

var spun uint64

func TestOurselves(t *testing.T) {
	me := os.Getpid()
	if fields := Stat(me); len(fields) < 13 || len(fields[0]) != 1 {
		t.Errorf("our state is %q", fields)
	}
	clocks := func() (all [4]time.Duration) {
		user, system := CPU(me)
		return [4]time.Duration{user + system, FamilyCPU(me), OwnCPU(), MachineCPU()}
	}
	before, now := clocks(), clocks()
	behind := func() (any bool) {
		for i := range now {
			any = any || now[i] <= before[i]
		}
		return any
	}
	// The kernel counts a process by the nanosecond and the machine by whom a tick meets, so they move apart.
	for behind() && now[2] < before[2]+10*time.Second {
		spun++
		now = clocks()
	}
	if behind() {
		t.Errorf("we have worked for 10 s, and the clocks of us, our family, us again and the machine show %v after %v", now, before)
	}
	if m := MemoryOf(me); m.Anonymous <= 0 || m.Resident < m.Anonymous || m.Peak < m.Resident {
		t.Errorf("our memory is %+v", m)
	}
	if Ended(me) {
		t.Error("we have ended")
	}
}

func TestNobody(t *testing.T) {
	child := exec.Command("true")
	if err := child.Run(); err != nil {
		t.Fatal(err)
	}
	for _, pid := range []int{0, child.Process.Pid} {
		if user, system := CPU(pid); user+system+FamilyCPU(pid) != 0 || MemoryOf(pid) != (Memory{}) || Stat(pid) != nil || !Ended(pid) {
			t.Errorf("process %d is not there and has used %v and %v", pid, user, system)
		}
	}
}

func TestAChildIsFamily(t *testing.T) {
	shell := exec.Command("sh", "-c", "i=0; while [ $i -lt 30000000 ]; do i=$((i+1)); done & wait")
	shell.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := shell.Start(); err != nil {
		t.Fatal(err)
	}
	pid := shell.Process.Pid
	defer func() { _ = syscall.Kill(-pid, syscall.SIGKILL); _ = shell.Wait() }() // the shell and its child
	for range 2000 {
		user, system := CPU(pid)
		if FamilyCPU(pid) > user+system {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Error("a child's work is not its family's")
}
