package tuning

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// What the trial of steering does: so many connections ask and are answered so often.
const (
	steerConnections = 32
	steerRequests    = 600
	steerBytes       = 200
)

// steerCost is the process's CPU time for a request and its reply over the loopback device, both ends counted, when the listeners share
// the connections by hash, or by CPU.
func steerCost(steer bool) (float64, error) {
	cpus, err := CPUs()
	if err != nil {
		return 0, err
	}
	if len(cpus) < 2 {
		return 0, errors.New("one CPU has one listener")
	}
	sockets, err := sharedListeners(len(cpus), steer)
	defer func() {
		for _, l := range sockets {
			l.Close()
		}
	}()
	if err != nil {
		return 0, err
	}
	for _, l := range sockets {
		go answerAll(l)
	}
	errs := make(chan error, steerConnections)
	began := cpuTime(unix.RUSAGE_SELF)
	var asking sync.WaitGroup
	for range steerConnections {
		asking.Go(func() { errs <- ask(sockets[0].Addr().String()) })
	}
	asking.Wait()
	used := cpuTime(unix.RUSAGE_SELF) - began
	close(errs)
	for e := range errs {
		err = errors.Join(err, e)
	}
	return float64(used.Nanoseconds()) / 1e3 / (steerConnections * steerRequests), err
}

// sharedListeners opens n sockets on one port of the loopback address.
func sharedListeners(n int, steer bool) (all []net.Listener, err error) {
	share := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var set error
		if err := c.Control(func(fd uintptr) { set = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) }); err != nil {
			return err
		}
		return set
	}}
	share.SetMultipathTCP(false) // the kernel steers no such sockets, and Go makes them where it may
	at := "127.0.0.1:0"
	for range n {
		l, err := share.Listen(context.Background(), "tcp", at)
		if err != nil {
			return all, err
		}
		all = append(all, l)
		at = l.Addr().String()
	}
	if !steer {
		return all, nil
	}
	raw, err := all[0].(*net.TCPListener).SyscallConn()
	if err == nil {
		err2 := raw.Control(func(fd uintptr) { err = SteerByCPU(fd, n) })
		err = errors.Join(err, err2)
	}
	return all, err
}

// answerAll answers whoever connects, until the listener is closed.
func answerAll(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			for buf := make([]byte, steerBytes); ; {
				if _, err := io.ReadFull(c, buf); err != nil {
					return
				}
				if _, err := c.Write(buf); err != nil {
					return
				}
			}
		}()
	}
}

// ask sends one request after the other.
func ask(addr string) error {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	buf := make([]byte, steerBytes)
	for range steerRequests {
		if _, err := c.Write(buf); err != nil {
			return err
		}
		if _, err := io.ReadFull(c, buf); err != nil {
			return fmt.Errorf("no answer: %w", err)
		}
	}
	return nil
}
