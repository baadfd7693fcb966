// Package reach is the toolbox's ping and traceroute.
package reach

import (
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/network/lookup"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// ping is a call of ping.
type ping struct {
	count, size, ttl         int
	interval, wait, deadline float64 // seconds
	quiet, numeric           bool

	conn     *icmp.PacketConn
	to       net.Addr
	ip       net.IP
	raw      bool
	id       int
	sent     int
	received int
	failed   int // answers that are errors
	began    time.Time
	last     time.Time // when the last request was sent
	times    []float64 // milliseconds
}

// Ping sends echo requests and waits for the replies. It needs no privileges where the system allows that.
func Ping(args []string) int {
	p := &ping{}
	f := tool.Flags("ping", "[OPTIONS] HOST")
	f.IntVarP(&p.count, "count", "c", 0, "end after so many")
	f.Float64VarP(&p.interval, "interval", "i", 1, "seconds between requests")
	f.Float64VarP(&p.wait, "timeout", "W", 1, "seconds to wait for the last reply")
	f.Float64VarP(&p.deadline, "deadline", "w", 0, "end after so many seconds")
	f.IntVarP(&p.size, "size", "s", 56, "bytes of data")
	f.IntVarP(&p.ttl, "ttl", "t", 64, "the packets' time to live")
	f.BoolVarP(&p.quiet, "quiet", "q", false, "print the summary only")
	f.BoolVarP(&p.numeric, "numeric", "n", false, "numbers only (the default)")
	source := f.StringP("interface", "I", "", "the interface, or the address, to send from")
	discover := f.StringP("mtu-discovery", "M", "", "do: packets are not fragmented; dont: they may be; want: here")
	four := f.BoolP("ipv4", "4", false, "IPv4")
	six := f.BoolP("ipv6", "6", false, "IPv6")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	if f.NArg() != 1 || p.size < 0 || p.size > 65000 || p.interval < 0.002 {
		return tool.Misused(f)
	}
	if err := lookup.CheckFiles(); err != nil {
		return tool.Complain("ping", err)
	}
	network := "ip"
	switch {
	case *four:
		network = "ip4"
	case *six:
		network = "ip6"
	}
	addr, err := net.ResolveIPAddr(network, f.Arg(0))
	if err == nil {
		err = hasRoute(addr)
	}
	if err == nil {
		err = p.open(addr, *source)
	}
	if err == nil {
		p.hearFailures()
		err = p.restrict(*source, *discover)
	}
	if err != nil {
		return tool.Refuse("ping", err)
	}
	defer p.conn.Close()
	p.begin(f.Arg(0), addr)
	p.run()
	p.summary(f.Arg(0))
	if p.received == 0 || p.deadline > 0 && p.received < p.count {
		return 1
	}
	return 0
}

// hasRoute reports why there is no way to an address, as iputils does before it sends anything.
func hasRoute(addr *net.IPAddr) error {
	conn, err := net.DialUDP("udp", nil, &net.UDPAddr{IP: addr.IP, Zone: addr.Zone, Port: 1025})
	if err == nil {
		return conn.Close()
	}
	errno, ok := errors.AsType[syscall.Errno](err)
	if !ok || errno == syscall.EACCES { // a broadcast
		return nil
	}
	return fmt.Errorf("connect: %w", errno)
}

// begin prints the first line.
func (p *ping) begin(host string, addr *net.IPAddr) {
	p.began = time.Now()
	if addr.IP.To4() == nil {
		tool.Printf("PING %s(%s) %d data bytes\n", tool.Printable(host), addr, p.size)
		return
	}
	tool.Printf("PING %s (%s) %d(%d) bytes of data.\n", tool.Printable(host), addr, p.size, p.size+28)
}

// open opens a socket: one for echo requests only, or else a raw one.
func (p *ping) open(addr *net.IPAddr, source string) error {
	p.ip = addr.IP
	v4 := addr.IP.To4() != nil
	datagram, rawNetwork, local := "udp4", "ip4:1", "0.0.0.0" // by number: a name is looked up in /etc/protocols
	if !v4 {
		datagram, rawNetwork, local = "udp6", "ip6:58", "::"
	}
	if net.ParseIP(source) != nil {
		local = source
	}
	p.to = &net.UDPAddr{IP: addr.IP, Zone: addr.Zone}
	conn, err := icmp.ListenPacket(datagram, local)
	if err != nil {
		var rawErr error
		if conn, rawErr = icmp.ListenPacket(rawNetwork, local); rawErr != nil && local == source {
			return fmt.Errorf("%s: %w", source, rawErr)
		} else if rawErr != nil {
			return fmt.Errorf("neither an ICMP socket (net.ipv4.ping_group_range) nor a raw one (CAP_NET_RAW) can be had: %w", rawErr)
		}
		p.raw, p.to = true, addr
	}
	p.conn = conn
	p.id = os.Getpid() & 0xffff
	if v4 {
		_ = conn.IPv4PacketConn().SetTTL(p.ttl)
		_ = conn.IPv4PacketConn().SetControlMessage(ipv4.FlagTTL, true)
	} else {
		_ = conn.IPv6PacketConn().SetHopLimit(p.ttl)
		_ = conn.IPv6PacketConn().SetControlMessage(ipv6.FlagHopLimit, true)
	}
	return nil
}

// reply is an answer.
type reply struct {
	bytes, seq, ttl int
	from            string
	sent            time.Time
	at              time.Time
	failure         string // what a router or a host says, instead of an echo
}

func (p *ping) run() {
	stop := make(chan os.Signal, 1)
	tool.Notify(stop, os.Interrupt, syscall.SIGTERM)
	const most = 64 // that wait
	replies := make(chan reply, most)
	go p.receive(replies)
	tick := time.NewTicker(time.Duration(p.interval * float64(time.Second)))
	defer tick.Stop()
	var end, last <-chan time.Time
	if p.deadline > 0 {
		end = time.After(time.Duration(p.deadline * float64(time.Second)))
	}
	seen := make(map[int]bool)
	p.send()
	for {
		if p.count > 0 && p.sent >= p.count {
			if p.received >= p.count {
				return
			}
			if last == nil {
				tick.Stop()
				last = time.After(time.Duration(p.wait * float64(time.Second)))
			}
		}
		select {
		case <-stop:
			return
		case <-end:
			p.noteAll(replies, seen)
			return
		case <-last:
			p.noteAll(replies, seen)
			return
		case <-tick.C:
			if p.count == 0 || p.sent < p.count {
				p.send()
			}
		case r := <-replies:
			p.note(r, seen)
		}
	}
}

// note counts and prints a reply.
func (p *ping) note(r reply, seen map[int]bool) {
	if r.failure != "" {
		p.failed++
		if !p.quiet {
			tool.Printf("From %s icmp_seq=%d %s\n", r.from, r.seq, r.failure)
		}
		return
	}
	ms := float64(r.at.Sub(r.sent)) / float64(time.Millisecond)
	note := ""
	if seen[r.seq] {
		note = " (DUP!)"
	} else {
		p.received++
		p.times = append(p.times, ms)
	}
	seen[r.seq] = true
	if !p.quiet {
		tool.Printf("%d bytes from %s: icmp_seq=%d ttl=%d time=%.3g ms%s\n", r.bytes, r.from, r.seq, r.ttl, ms, note)
	}
}

// noteAll counts and prints the replies that have come in time.
func (p *ping) noteAll(replies <-chan reply, seen map[int]bool) {
	for len(replies) > 0 {
		p.note(<-replies, seen)
	}
}

func (p *ping) send() {
	p.sent++
	p.last = time.Now()
	data := make([]byte, p.size)
	if p.size >= 8 {
		putTime(data, time.Now())
	}
	var kind icmp.Type = ipv4.ICMPTypeEcho
	if p.ip.To4() == nil {
		kind = ipv6.ICMPTypeEchoRequest
	}
	packet, err := (&icmp.Message{Type: kind, Body: &icmp.Echo{ID: p.id, Seq: p.sent & 0xffff, Data: data}}).Marshal(nil)
	if err == nil {
		_, err = p.conn.WriteTo(packet, p.to)
	}
	if err != nil {
		if errno, ok := errors.AsType[syscall.Errno](err); ok {
			err = errno
		}
		p.failed++
		tool.Complain("ping", err)
	}
}

// receive passes on the replies to this process's requests.
func (p *ping) receive(replies chan<- reply) {
	buf := make([]byte, 65536)
	v4 := p.ip.To4() != nil
	protocol := 1
	if !v4 {
		protocol = 58
	}
	for {
		n, ttl, from, err := p.read(buf, v4)
		at := time.Now()
		if errors.Is(err, net.ErrClosed) {
			return
		} else if err != nil {
			p.failures(replies)
			continue
		}
		message, err := icmp.ParseMessage(protocol, buf[:n])
		if err != nil {
			continue
		}
		echo, ok := message.Body.(*icmp.Echo)
		if !ok || message.Type != ipv4.ICMPTypeEchoReply && message.Type != ipv6.ICMPTypeEchoReply || p.raw && echo.ID != p.id {
			continue
		}
		sent := at
		if len(echo.Data) >= 8 {
			sent = getTime(echo.Data)
		}
		address := from.String()
		if u, ok := from.(*net.UDPAddr); ok {
			address = u.IP.String()
		}
		replies <- reply{bytes: n, seq: echo.Seq, ttl: ttl, from: address, sent: sent, at: at}
	}
}

func (p *ping) summary(host string) {
	loss := 0
	if p.sent > 0 {
		loss = (p.sent - p.received) * 100 / p.sent
	}
	also := ""
	if p.failed > 0 {
		also = fmt.Sprintf("+%d errors, ", p.failed)
	}
	tool.Printf("\n--- %s ping statistics ---\n%d packets transmitted, %d received, %s%d%% packet loss, time %dms\n", tool.Printable(host), p.sent, p.received, also, loss,
		p.last.Sub(p.began).Milliseconds())
	if len(p.times) == 0 {
		return
	}
	least, most, sum, squares := math.Inf(1), 0.0, 0.0, 0.0
	for _, t := range p.times {
		least, most, sum, squares = min(least, t), max(most, t), sum+t, squares+t*t
	}
	n := float64(len(p.times))
	tool.Printf("rtt min/avg/max/mdev = %.3f/%.3f/%.3f/%.3f ms\n", least, sum/n, most, math.Sqrt(max(0, squares/n-sum/n*sum/n)))
}
