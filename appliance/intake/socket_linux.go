package intake

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"penstock/tuning"
)

// listen opens n sockets on one address, each with its own queue of connections, and returns them all or none.
//
// SO_REUSEPORT lets any process of the same user join an address and take a share of its connections without a word, so the
// address is first bound without it: if anyone is there, that fails and the error names the address. flag is the setting that
// chooses another. With steer each socket takes the connections that come in on its CPU.
func listen(addr, flag string, n int, steer bool) ([]net.Listener, error) {
	probe, err := (&net.ListenConfig{Control: userTimeout}).Listen(context.Background(), "tcp", addr)
	if err != nil {
		return nil, explain(err, addr, flag)
	}
	if err := probe.Close(); err != nil {
		return nil, fmt.Errorf("intake: %s: %w", addr, err)
	}
	shared := net.ListenConfig{
		KeepAlive: 15 * time.Second,
		Control: func(network, address string, c syscall.RawConn) error {
			return errors.Join(userTimeout(network, address, c), control(c, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1))
		},
	}
	if steer {
		shared.SetMultipathTCP(false) // such sockets can't be steered
	}
	var sockets []net.Listener
	for range n {
		l, err := shared.Listen(context.Background(), "tcp", addr)
		if err != nil {
			for _, l := range sockets {
				_ = l.Close() // nothing was accepted from it
			}
			return nil, explain(err, addr, flag)
		}
		sockets = append(sockets, l)
		addr = l.Addr().String() // port 0 has become a port: the others join it
	}
	if steer {
		if err := steerByCPU(sockets); err != nil {
			for _, l := range sockets {
				_ = l.Close() // nothing was accepted from it
			}
			return nil, fmt.Errorf("intake: %s: %w", addr, err)
		}
	}
	return sockets, nil
}

// steerByCPU tells the kernel, at one of the sockets, for all of them.
func steerByCPU(sockets []net.Listener) error {
	c, err := sockets[0].(*net.TCPListener).SyscallConn()
	if err != nil {
		return err
	}
	var steered error
	if err := c.Control(func(fd uintptr) { steered = tuning.SteerByCPU(fd, len(sockets)) }); err != nil {
		return err
	}
	return steered
}

// listenBoth opens n TCP sockets on an address and, with udp, n UDP sockets on the same port.
func listenBoth(addr, flag string, n int, steer, udp bool) ([]net.Listener, []*net.UDPConn, error) {
	const tries = 8 // with port 0: the port that TCP was given may be taken for UDP
	for try := 1; ; try++ {
		sockets, err := listen(addr, flag, n, steer)
		if err != nil || !udp {
			return sockets, nil, err
		}
		packets, err := listenPackets(sockets[0].Addr().String(), flag, n)
		if err == nil {
			return sockets, packets, nil
		}
		for _, l := range sockets {
			_ = l.Close() // nothing was accepted from it
		}
		if _, port, _ := net.SplitHostPort(addr); port != "0" || try == tries {
			return nil, nil, err
		}
	}
}

// listenPackets opens n UDP sockets on one address, between which the kernel shares the senders out.
func listenPackets(addr, flag string, n int) ([]*net.UDPConn, error) {
	probe, err := net.ListenPacket("udp", addr)
	if err != nil {
		return nil, explain(err, addr, flag)
	}
	if err := probe.Close(); err != nil {
		return nil, fmt.Errorf("intake: %s: %w", addr, err)
	}
	shared := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		_ = control(c, unix.SOL_SOCKET, unix.SO_RCVBUF, DatagramBuffer)      // as much of it as the kernel allows
		_ = control(c, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, DatagramBuffer) // all of it, if we are root
		return errors.Join(control(c, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1), control(c, unix.SOL_SOCKET, unix.SO_RXQ_OVFL, 1))
	}}
	var packets []*net.UDPConn
	for range n {
		p, err := shared.ListenPacket(context.Background(), "udp", addr)
		if err != nil {
			for _, p := range packets {
				_ = p.Close() // nothing was read from it
			}
			return nil, explain(err, addr, flag)
		}
		packets = append(packets, p.(*net.UDPConn))
	}
	return packets, nil
}

// controlRoom is room for what the kernel says beside a datagram.
const controlRoom = 64

// droppedBefore reads from there how many datagrams the kernel has dropped at the socket, modulo 2^32, before the one that came; it
// says so once there are any.
func droppedBefore(beside []byte) (n uint32, said bool) {
	for len(beside) >= unix.SizeofCmsghdr {
		head, data, rest, err := unix.ParseOneSocketControlMessage(beside)
		if err != nil {
			break
		}
		if head.Level == unix.SOL_SOCKET && head.Type == unix.SO_RXQ_OVFL && len(data) >= 4 {
			return binary.NativeEndian.Uint32(data), true
		}
		beside = rest
	}
	return 0, false
}

// halfOpen is how long sent bytes may stay unacknowledged before the kernel gives the peer up for gone.
const halfOpen = 30 * time.Second

// userTimeout sets TCP_USER_TIMEOUT, which accepted connections inherit.
func userTimeout(_, _ string, c syscall.RawConn) error {
	return control(c, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(halfOpen.Milliseconds()))
}

func control(c syscall.RawConn, level, option, value int) error {
	var set error
	if err := c.Control(func(fd uintptr) { set = unix.SetsockoptInt(int(fd), level, option, value) }); err != nil {
		return err
	}
	return set
}

func explain(err error, addr, flag string) error {
	switch {
	case errors.Is(err, unix.EADDRINUSE):
		return fmt.Errorf("intake: %s is in use: stop the other process or choose another address with %s: %w", addr, flag, err)
	case errors.Is(err, unix.EACCES):
		return fmt.Errorf("intake: not allowed to listen on %s: choose a port from 1024 up with %s, or grant CAP_NET_BIND_SERVICE: %w", addr, flag, err)
	case errors.Is(err, unix.EADDRNOTAVAIL):
		return fmt.Errorf("intake: this machine has no address %s: choose another with %s: %w", addr, flag, err)
	}
	return fmt.Errorf("intake: cannot listen on %s (%s): %w", addr, flag, err)
}
