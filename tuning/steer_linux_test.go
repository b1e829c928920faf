package tuning

import (
	"net"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// TestSteerByCPU connects from each CPU: over the loopback device a connection comes in on the CPU that it is made on, and the listener of
// that CPU has it.
func TestSteerByCPU(t *testing.T) {
	cpus, err := CPUs()
	if err != nil {
		t.Fatal(err)
	}
	const n = 2
	sockets, err := sharedListeners(n, true)
	if err != nil {
		t.Fatal(err)
	}
	took := make(chan int)
	for i, l := range sockets {
		defer l.Close()
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				c.Close()
				took <- i
			}
		}()
	}
	for _, cpu := range cpus {
		for range 8 {
			done := make(chan error)
			go func() { done <- connectFrom(cpu, sockets[0].Addr().(*net.TCPAddr).Port) }()
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			if got := <-took; got != cpu%n {
				t.Errorf("a connection from CPU %d came to listener %d", cpu, got)
			}
		}
	}
}

// connectFrom makes a connection by system calls on one CPU, and ends it.
func connectFrom(cpu, port int) error {
	if err := Pin(cpu); err != nil {
		return err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Connect(fd, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}})
}

func TestSteerByCPURefusesWhatIsNoSocket(t *testing.T) {
	if err := SteerByCPU(^uintptr(0), 2); err == nil {
		t.Error("steered between no sockets")
	}
	defer func() {
		if recover() == nil {
			t.Error("no panic for " + strconv.Itoa(0) + " sockets")
		}
	}()
	_ = SteerByCPU(0, 0)
}
