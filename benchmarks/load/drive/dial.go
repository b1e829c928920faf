package drive

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"

	"penstock/benchmarks/load/wires"
)

const (
	dialsAtOnce = 64
	// perSource is how many connections leave one address of ours: the kernel has 28,000 ports for them, unless told otherwise.
	perSource = 20_000
)

// dialer makes connections.
type dialer struct {
	s       *Settings
	network string
	sources []*net.TCPAddr // addresses to leave from; none: the kernel's choice
}

func (d *dialer) prepare(s *Settings) error {
	d.s, d.network = s, "tcp"
	if s.Transport == wires.Datagrams {
		d.network = "udp"
		return nil
	}
	if err := raiseFiles(uint64(s.Connections) + 100); err != nil {
		return err
	}
	host, _, err := net.SplitHostPort(s.Address)
	if err != nil {
		return fmt.Errorf("%q is not HOST:PORT: %w", s.Address, err)
	}
	d.sources = sources(host, s.Connections)
	return nil
}

// sources are the addresses from which so many connections to a host leave; none when the kernel's choice has ports enough, or when
// the host is not this one: which addresses are the machine's own is not ours to guess.
func sources(host string, connections int) (all []*net.TCPAddr) {
	ip := net.ParseIP(host)
	if connections <= perSource || ip == nil || ip.To4() == nil || !ip.IsLoopback() {
		return nil
	}
	for i := range (connections + perSource - 1) / perSource {
		all = append(all, &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(1+i))})
	}
	return all
}

// raiseFiles allows this process so many open files.
func raiseFiles(n uint64) error {
	var r syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r); err != nil || r.Cur >= n {
		return err
	}
	r.Cur, r.Max = n, max(r.Max, n)
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &r); err != nil {
		return fmt.Errorf("%d connections need as many open files, which this process may not have (ulimit -n): %w", n, err)
	}
	return nil
}

// one makes the connection of a number.
func (d *dialer) one(number int) (net.Conn, error) {
	nd := net.Dialer{Timeout: d.s.Timeout}
	if len(d.sources) > 0 {
		nd.LocalAddr = d.sources[number/perSource]
	}
	if d.s.TLS != nil {
		return tls.DialWithDialer(&nd, d.network, d.s.Address, d.s.TLS)
	}
	return nd.Dial(d.network, d.s.Address)
}

// connect makes all connections, some at once. Those that can't be made are made again while the load runs; but there must be one.
func (l *load) connect(ctx context.Context) error {
	var all sync.WaitGroup
	var next, made atomic.Int64
	first := make(chan error, 1)
	for range min(dialsAtOnce, len(l.conns)) {
		all.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(l.conns) {
					return
				}
				if err := l.conns[i].open(); err != nil {
					l.rec.refused(kindOf(err))
					select {
					case first <- err:
					default:
					}
					if made.Load() == 0 && i >= dialsAtOnce {
						return // nobody is there
					}
					continue
				}
				made.Add(1)
			}
		})
	}
	all.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	if made.Load() == 0 {
		return fmt.Errorf("no connection can be made: %w", <-first)
	}
	return nil
}
