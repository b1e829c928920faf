package tuning

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// skfADCPU asks for the CPU that the packet is handled on (SKF_AD_OFF + SKF_AD_CPU of linux/filter.h).
const skfADCPU = 1<<32 - 0x1000 + 36

// SteerByCPU has n listening sockets that share an address by SO_REUSEPORT each take the connections that come in on its CPUs: the i-th
// to have begun to listen those of the CPUs c with c mod n = i. fd is any one of them; all must listen already, and none may be
// Multipath TCP's, which Go opens unless it is told not to.
//
// It is for streams only: a sender of datagrams whose packets move to another CPU would have them read by another socket, out of order.
func SteerByCPU(fd uintptr, n int) error {
	if n < 1 {
		panic("BUG: steering between no sockets")
	}
	program := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: skfADCPU},
		{Code: unix.BPF_ALU | unix.BPF_MOD | unix.BPF_K, K: uint32(n)},
		{Code: unix.BPF_RET | unix.BPF_A},
	}
	code := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	if err := unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_REUSEPORT_CBPF, &code); err != nil {
		return fmt.Errorf("cannot steer connections to the listeners of their CPUs: %w", err)
	}
	return nil
}
