package tuning

import (
	"fmt"
	"strconv"
	"strings"
)

func checkBacklog(h *Host, _ *Probes, w Want) []Advice {
	need := int64((w.Connections + w.Listeners - 1) / max(w.Listeners, 1))
	need = min(need, 1<<16-1)
	why := fmt.Sprintf("after a restart all senders come back at once; each of %d sockets queues so many and drops the others, who try again a second later", w.Listeners)
	if h.ListenOverflows > 0 {
		why += fmt.Sprintf(". Since this machine started, %d connections were dropped so, whoever's", h.ListenOverflows)
	}
	all := atLeast(h, "net.core.somaxconn", 0, need, 1<<16-1, why)
	if cookies, ok := h.sysctl("net.ipv4.tcp_syncookies", 0); ok && cookies == 0 {
		all = append(all, atLeast(h, "net.ipv4.tcp_max_syn_backlog", 0, need, 1<<16-1, "without SYN cookies it bounds the connections that are being made")...)
	}
	return all
}

func checkDatagrams(h *Host, _ *Probes, w Want) []Advice {
	why := "what comes by UDP while the appliance is busy waits there, and what finds it full is lost; as root the appliance has what it wants without"
	if h.DatagramsLost > 0 {
		why += fmt.Sprintf(". Since this machine started, %d datagrams were lost so, whoever's", h.DatagramsLost)
	}
	return atLeast(h, "net.core.rmem_max", 0, w.DatagramBuffer, max(16<<20, w.DatagramBuffer), why)
}

// What a busy connection's buffers come to, in bytes, and the unit of tcp_mem.
const (
	connectionBuffer = 64 << 10
	tcpMemPage       = 4096
)

func checkTCPMemory(h *Host, _ *Probes, w Want) []Advice {
	low, _ := h.sysctl("net.ipv4.tcp_mem", 0)
	pressure, ok := h.sysctl("net.ipv4.tcp_mem", 1)
	high, _ := h.sysctl("net.ipv4.tcp_mem", 2)
	if !ok {
		return unread("net.ipv4.tcp_mem", "it bounds what all connections together may have in flight")
	}
	need := int64(w.Connections) * connectionBuffer / tcpMemPage
	a := Advice{Name: "net.ipv4.tcp_mem", State: Fine, Is: h.Sysctl["net.ipv4.tcp_mem"], Should: fmt.Sprintf("the second at least %d", need),
		Sysctl: &Sysctl{"net.ipv4.tcp_mem", h.Sysctl["net.ipv4.tcp_mem"]}}
	if pressure < need {
		a.State, a.Why = Change, fmt.Sprintf("%d connections with %s each are more pages than this; above it the kernel shrinks everybody's window", w.Connections, FormatBytes(connectionBuffer))
		a.Sysctl.Value = fmt.Sprintf("%d %d %d", max(low, need/4*3), need, max(high, need/2*3))
		a.How = []string{a.Sysctl.Set()}
		if h.Memory > 0 && need*tcpMemPage > h.Memory/4 {
			a.Sysctl = nil
			a.Why += "; they would be more than a quarter of this machine's memory"
			a.How = []string{"penstock serve --max-connections " + strconv.FormatInt(h.Memory/4/connectionBuffer/2, 10)}
		}
	}
	return []Advice{a}
}

// queuesMost is how many of a card's queues are asked for, whatever the number of CPUs.
const queuesMost = 8

func checkCards(h *Host, _ *Probes, _ Want) (all []Advice) {
	for _, c := range h.Cards {
		a := Advice{Name: "queues of " + c.Name, State: Fine, Is: strconv.Itoa(c.Queues)}
		if c.Spread {
			a.Is += ", spread by RPS"
		}
		if want := min(h.CPUs, queuesMost); c.Queues < want && !c.Spread {
			a.State, a.Should = Note, fmt.Sprintf("%d, or RPS", want)
			a.Why = fmt.Sprintf("%d of %d CPUs take all that the card receives, interrupts and TCP included", c.Queues, h.CPUs)
			a.How = []string{fmt.Sprintf("ethtool -L %s combined %d", c.Name, want),
				fmt.Sprintf("for q in /sys/class/net/%s/queues/rx-*/rps_cpus; do echo %s > $q; done   # where the card has no more", c.Name, cpuMask(h.CPUs))}
			if c.Queues <= 1 && h.CPUs >= 4 {
				a.State = Change
			}
		}
		all = append(all, a)
	}
	return all
}

// cpuMask is the first n CPUs as the kernel reads a mask: hexadecimal, a comma between words of 32.
func cpuMask(n int) string {
	mask := strconv.FormatUint(1<<((n-1)%32+1)-1, 16)
	return mask + strings.Repeat(",ffffffff", (n-1)/32)
}
