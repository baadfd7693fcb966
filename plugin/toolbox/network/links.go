package network

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

func (c *ip) link(l netlink.Link, names map[int]string, addresses bool) string {
	var out strings.Builder
	a := l.Attrs()
	master := ""
	if a.MasterIndex != 0 {
		master = " master " + names[a.MasterIndex]
	}
	queue := l.Attrs().TxQLen
	mode := ""
	if !addresses {
		mode = " mode DEFAULT"
	}
	fmt.Fprintf(&out, "%d: %s: <%s> mtu %d%s state %s%s group default", a.Index, linkName(a, names), flagsOf(a.RawFlags), a.MTU, master,
		strings.ToUpper(a.OperState.String()), mode)
	if queue > 0 {
		fmt.Fprintf(&out, " qlen %d", queue)
	}
	kind := a.EncapType
	hardware, broadcast := a.HardwareAddr.String(), "ff:ff:ff:ff:ff:ff"
	if kind == "loopback" {
		hardware, broadcast = "00:00:00:00:00:00", "00:00:00:00:00:00"
	}
	fmt.Fprintf(&out, "\n    link/%s %s", kind, hardware)
	if hardware != "" && len(hardware) == len(broadcast) {
		fmt.Fprintf(&out, " brd %s", broadcast)
	}
	if a.ParentIndex != 0 && a.NetNsID >= 0 {
		fmt.Fprintf(&out, " link-netnsid %d", a.NetNsID)
	}
	out.WriteString("\n")
	return out.String()
}

func addressText(a *netlink.Addr) string {
	var out strings.Builder
	family := "inet"
	if a.IP.To4() == nil {
		family = "inet6"
	}
	fmt.Fprintf(&out, "    %s %s", family, a.IPNet)
	if a.Peer != nil && !a.Peer.IP.Equal(a.IP) {
		fmt.Fprintf(&out, " peer %s", a.Peer)
	}
	if a.Broadcast != nil && !a.Broadcast.IsUnspecified() {
		fmt.Fprintf(&out, " brd %s", a.Broadcast)
	}
	fmt.Fprintf(&out, " scope %s", strings.Replace(netlink.Scope(a.Scope).String(), "universe", "global", 1)) // iproute2's word
	for _, flag := range []struct {
		bit  int
		name string
	}{{unix.IFA_F_SECONDARY, "secondary"}, {unix.IFA_F_TENTATIVE, "tentative"}, {unix.IFA_F_DEPRECATED, "deprecated"}, {unix.IFA_F_DADFAILED, "dadfailed"}} {
		if a.Flags&flag.bit != 0 {
			out.WriteString(" " + flag.name)
		}
	}
	if a.Flags&unix.IFA_F_PERMANENT == 0 {
		out.WriteString(" dynamic")
	}
	if a.Label != "" {
		out.WriteString(" " + tool.Printable(a.Label))
	}
	fmt.Fprintf(&out, "\n       valid_lft %s preferred_lft %s\n", lifetime(a.ValidLft), lifetime(a.PreferedLft))
	return out.String()
}

func lifetime(seconds int) string {
	if seconds <= 0 || int64(seconds) == 1<<32-1 {
		return "forever"
	}
	return strconv.Itoa(seconds) + "sec"
}

func statsText(s *netlink.LinkStatistics) string {
	if s == nil {
		return ""
	}
	var out strings.Builder
	fmt.Fprintf(&out, "    RX:  bytes packets errors dropped\n    %10d %7d %6d %7d\n", s.RxBytes, s.RxPackets, s.RxErrors, s.RxDropped)
	fmt.Fprintf(&out, "    TX:  bytes packets errors dropped\n    %10d %7d %6d %7d\n", s.TxBytes, s.TxPackets, s.TxErrors, s.TxDropped)
	return out.String()
}

func (c *ip) briefLink(l netlink.Link, list []netlink.Addr, addresses bool) {
	a := l.Attrs()
	fmt.Printf("%-16s %-14s ", linkName(a, nil), strings.ToUpper(a.OperState.String()))
	if !addresses {
		hardware := a.HardwareAddr.String()
		if hardware == "" {
			hardware = "00:00:00:00:00:00"
		}
		fmt.Printf("%s <%s> \n", hardware, flagsOf(a.RawFlags))
		return
	}
	for _, addr := range list {
		fmt.Printf("%s ", addr.IPNet)
	}
	fmt.Println()
}
