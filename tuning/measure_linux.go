package tuning

import (
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// What the trials of files write.
const (
	trialBytes  = 64 << 20
	recordBytes = 200
	hintBytes   = 4 << 20
)

// trials is every tuning that a process can do for itself, and what ours does about it.
func trials(dir string) []trial {
	dir = existing(dir)
	return []trial{
		{"pre-faulting a new segment (MADV_POPULATE_WRITE)", "ns of CPU per 200 bytes", "not done by the appliance",
			func(with bool) (float64, error) { return storeCost(dir, adviceIf(with, unix.MADV_POPULATE_WRITE)) }},
		{"huge pages for a segment (MADV_HUGEPAGE)", "ns of CPU per 200 bytes", "not done by the appliance",
			func(with bool) (float64, error) { return storeCost(dir, adviceIf(with, unix.MADV_HUGEPAGE)) }},
		{"the same, with a sync after each 4 KiB", "ms per sync", "not done by the appliance",
			func(with bool) (float64, error) { return syncedStores(dir, adviceIf(with, unix.MADV_HUGEPAGE)) }},
		{"write-back begun while a segment fills (sync_file_range)", "ms for the last sync of 64 MiB", "not done by the appliance",
			func(with bool) (float64, error) { return lastSync(dir, with) }},
		{"a writer kept on a CPU (--pin-writers)", "µs of CPU per hand-over", "off unless set", handOverCost},
		{"connections to the listener of the CPU they came in by (--steer cpu)", "µs of CPU per request", "off unless set", steerCost},
	}
}

// adviceIf is the advice, or none.
func adviceIf(with bool, advice int) int {
	if with {
		return advice
	}
	return -1
}

// mapped makes a file as a segment is made: its space is set aside, then it is mapped.
func mapped(dir string) (f *os.File, data []byte, err error) {
	if f, err = nameless(dir); err != nil {
		return nil, nil, err
	}
	if err = unix.Fallocate(int(f.Fd()), 0, 0, trialBytes); err == nil {
		data, err = unix.Mmap(int(f.Fd()), 0, trialBytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, data, nil
}

// store copies records into a mapping from one end to the other, and calls each after every hintBytes.
func store(data []byte, each func(from int)) {
	var record [recordBytes]byte
	for i := range record {
		record[i] = byte(i)
	}
	told := 0
	for at := 0; at+recordBytes <= len(data); at += recordBytes {
		copy(data[at:], record[:])
		if each != nil && at-told >= hintBytes {
			each(told)
			told = at / hintBytes * hintBytes
		}
	}
}

// storeCost is the CPU time of storing a record in a new segment, the advice's own included.
func storeCost(dir string, advice int) (float64, error) {
	f, data, err := mapped(dir)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	defer func() { _ = unix.Munmap(data) }() // what it held is of no use to anybody
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	began := cpuTime(unix.RUSAGE_THREAD)
	if advice >= 0 {
		if err := unix.Madvise(data, advice); err != nil {
			return 0, os.NewSyscallError("madvise", err)
		}
	}
	store(data, nil)
	return float64(cpuTime(unix.RUSAGE_THREAD)-began) / (trialBytes / recordBytes), nil
}

// syncedStores is how long a sync takes, after each page stored in a segment.
func syncedStores(dir string, advice int) (float64, error) {
	f, data, err := mapped(dir)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	defer func() { _ = unix.Munmap(data) }()
	if advice >= 0 {
		if err := unix.Madvise(data, advice); err != nil {
			return 0, os.NewSyscallError("madvise", err)
		}
	}
	const syncs = 100
	var took time.Duration
	for i := range syncs {
		store(data[i*syncedBytes:(i+1)*syncedBytes], nil)
		began := time.Now()
		if err := unix.Fdatasync(int(f.Fd())); err != nil {
			return 0, os.NewSyscallError("fdatasync", err)
		}
		took += time.Since(began)
	}
	return took.Seconds() * 1e3 / syncs, nil
}

// lastSync is how long a sync takes when 64 MiB were stored before it, with the kernel told to begin earlier or not.
func lastSync(dir string, hint bool) (float64, error) {
	f, data, err := mapped(dir)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	defer func() { _ = unix.Munmap(data) }()
	each := func(int) {}
	if hint {
		each = func(from int) {
			_ = unix.SyncFileRange(int(f.Fd()), int64(from), hintBytes, unix.SYNC_FILE_RANGE_WRITE) // a hint
		}
	}
	store(data, each)
	began := time.Now()
	if err := unix.Fdatasync(int(f.Fd())); err != nil {
		return 0, os.NewSyscallError("fdatasync", err)
	}
	return time.Since(began).Seconds() * 1e3, nil
}

// cpuTime is what this process, or this thread, has used.
func cpuTime(who int) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(who, &u); err != nil {
		panic("BUG: getrusage: " + err.Error())
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// What the trial of a writer hands over.
const (
	handOvers     = 20_000
	handOverBytes = 4096
	inTheRing     = 16
)

// handOverCost is the process's CPU time for a batch that is handed to a writer, which stores it and says so.
func handOverCost(pin bool) (float64, error) {
	batches, answers, ended := make(chan []byte, inTheRing), make(chan struct{}, inTheRing), make(chan error, 1)
	go func() { // ends with its thread, if that is pinned
		if pin {
			cpus, err := CPUs()
			if err == nil {
				err = Pin(cpus[len(cpus)-1])
			}
			if err != nil {
				ended <- err
				return
			}
		}
		ended <- nil
		segment := make([]byte, 1<<20)
		at := 0
		for b := range batches {
			if at+len(b) > len(segment) {
				at = 0
			}
			at += copy(segment[at:], b)
			answers <- struct{}{}
		}
		close(answers)
	}()
	if err := <-ended; err != nil {
		return 0, err
	}
	batch := make([]byte, handOverBytes)
	began := cpuTime(unix.RUSAGE_SELF)
	for i := range handOvers {
		batches <- batch
		if i%inTheRing == inTheRing-1 { // everybody who waits shares an answer
			for range inTheRing {
				<-answers
			}
		}
	}
	used := cpuTime(unix.RUSAGE_SELF) - began
	close(batches)
	for range answers {
	}
	return float64(used.Nanoseconds()) / 1e3 / handOvers, nil
}
