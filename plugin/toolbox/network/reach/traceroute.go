package reach

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/network/lookup"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// traceroute is a call of traceroute.
type traceroute struct {
	first, max, queries, port, size int
	wait                            float64 // seconds
	numeric                         bool
	method                          byte // U, I or T
	ip                              net.IP
	zone                            string // of a link-local address
	sent                            int
}

// Traceroute prints the way of packets to a host. It reads the answers from the sockets' error queues, see IP_RECVERR in
// ip(7), for which no privileges are needed.
func Traceroute(args []string) int {
	t := &traceroute{}
	f := tool.Flags("traceroute", "[-46nITU] [-f FIRST] [-m MAX] [-q PROBES] [-w SECONDS] [-p PORT] HOST [BYTES]")
	four := f.BoolP("ipv4", "4", false, "IPv4")
	six := f.BoolP("ipv6", "6", false, "IPv6")
	icmp := f.BoolP("icmp", "I", false, "ICMP echo requests")
	tcp := f.BoolP("tcp", "T", false, "TCP connections")
	f.BoolP("udp", "U", false, "UDP datagrams (the default)")
	f.BoolVarP(&t.numeric, "numeric", "n", false, "numbers instead of names")
	f.IntVarP(&t.first, "first", "f", 1, "the first hop")
	f.IntVarP(&t.max, "max-hops", "m", 30, "the last hop")
	f.IntVarP(&t.queries, "queries", "q", 3, "probes of each hop")
	f.Float64VarP(&t.wait, "wait", "w", 2, "seconds to wait for the answers of a hop")
	f.IntVarP(&t.port, "port", "p", 0, "the port: the first of UDP (33434), or that of TCP (80)")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	t.size = 60
	if f.NArg() == 2 {
		if _, err := fmt.Sscan(f.Arg(1), &t.size); err != nil {
			t.size = -1
		}
	}
	if f.NArg() < 1 || f.NArg() > 2 || t.first < 1 || t.max < t.first || t.max > 255 || t.queries < 1 || t.queries > 10 || t.size < 28 || t.size > 65000 || *icmp && *tcp {
		return tool.Misused(f)
	}
	t.choose(*icmp, *tcp)
	if err := lookup.CheckFiles(); err != nil && (!isAddress(f.Arg(0)) || !t.numeric) {
		return tool.Complain("traceroute", err)
	}
	network := map[[2]bool]string{{true, false}: "ip4", {false, true}: "ip6"}[[2]bool{*four, *six}]
	if network == "" {
		network = "ip"
	}
	addr, err := net.ResolveIPAddr(network, f.Arg(0))
	if err != nil {
		return tool.Complain("traceroute", err)
	}
	t.ip, t.zone = addr.IP, addr.Zone
	tool.Printf("traceroute to %s (%s), %d hops max, %d byte packets\n", tool.Printable(f.Arg(0)), addr, t.max, t.size)
	if err := t.run(); err != nil {
		return tool.Complain("traceroute", err)
	}
	return 0
}

// isAddress reports whether the text is an IP address, which may have a zone.
func isAddress(text string) bool {
	_, err := netip.ParseAddr(text)
	return err == nil
}

func (t *traceroute) choose(icmp, tcp bool) {
	t.method = 'U'
	port := 33434
	switch {
	case icmp:
		t.method = 'I'
	case tcp:
		t.method, port = 'T', 80
	}
	if t.port == 0 {
		t.port = port
	}
}

// answer is what a probe got.
type answer struct {
	from net.IP // nil: none
	took time.Duration
	end  bool   // from the target, or from where the way ends
	note string // such as !H
}

func (t *traceroute) run() error {
	for ttl := t.first; ttl <= t.max; ttl++ {
		answers, err := t.hop(ttl)
		if err != nil {
			return err
		}
		tool.Printf("%2d ", ttl)
		var last net.IP
		end := false
		for _, a := range answers {
			if a.from == nil {
				tool.Print(" *")
				continue
			}
			if !a.from.Equal(last) {
				tool.Print(" " + t.name(a.from))
				last = a.from
			}
			tool.Printf("  %.3f ms%s", float64(a.took)/float64(time.Millisecond), a.note)
			end = end || a.end
		}
		tool.Println()
		if end {
			return nil
		}
	}
	return nil
}

func (t *traceroute) name(ip net.IP) string {
	if t.numeric {
		return ip.String()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	name := ip.String()
	if list, err := net.DefaultResolver.LookupAddr(ctx, name); err == nil && len(list) > 0 {
		name = tool.Printable(strings.TrimSuffix(list[0], "."))
	}
	return fmt.Sprintf("%s (%s)", name, ip)
}

// hop sends the probes of a hop, and waits for their answers.
func (t *traceroute) hop(ttl int) ([]answer, error) {
	answers := make([]answer, t.queries)
	probes := make([]*probe, t.queries)
	for i := range probes {
		p, err := t.send(ttl)
		if err != nil {
			return nil, err
		}
		defer unix.Close(p.fd)
		probes[i] = p
	}
	deadline := time.Now().Add(time.Duration(t.wait * float64(time.Second)))
	for {
		var polled []unix.PollFd
		var which []int
		for i, p := range probes {
			if answers[i].from == nil {
				polled = append(polled, unix.PollFd{Fd: int32(p.fd), Events: p.events})
				which = append(which, i)
			}
		}
		left := time.Until(deadline)
		if len(polled) == 0 || left <= 0 {
			return answers, nil
		}
		if _, err := unix.Poll(polled, int(left/time.Millisecond)+1); err != nil && !errors.Is(err, unix.EINTR) {
			return nil, err
		}
		for n, i := range which {
			if polled[n].Revents != 0 {
				answers[i] = probes[i].receive(polled[n].Revents)
			}
		}
	}
}
