package network

import (
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// ip is a call of ip that shows something.
type ip struct {
	family       int
	brief, stats bool
	device       string
}

// ShowsIP reports whether a call of ip only shows addresses, links, routes or neighbours, which Ip does. What
// changes them is for u-root's ip.
func ShowsIP(args []string) bool {
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		args = args[1:]
	}
	if len(args) == 0 {
		return false
	}
	object := args[0]
	known := false
	for _, full := range []string{"address", "link", "route", "neighbour"} {
		known = known || strings.HasPrefix(full, object)
	}
	if !known {
		return false
	}
	return len(args) == 1 || slices.Contains([]string{"show", "list", "ls", "sh", "s", "l", "lst"}, args[1]) || args[1] == "dev" ||
		object[0] == 'r' && args[1] == "get"
}

// Ip shows addresses, links, routes or neighbours.
func Ip(args []string) int { //nolint:revive // the tool's name
	c := ip{family: netlink.FAMILY_ALL}
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		switch strings.TrimLeft(args[0], "-") {
		case "4":
			c.family = netlink.FAMILY_V4
		case "6":
			c.family = netlink.FAMILY_V6
		case "br", "brief":
			c.brief = true
		case "s", "stats", "statistics":
			c.stats = true
		}
		args = args[1:]
	}
	object := args[0]
	rest := args[1:]
	if len(rest) > 0 && rest[0] == "get" && len(rest) > 1 {
		return c.fail(c.get(rest[1]))
	}
	for len(rest) > 0 {
		if rest[0] == "dev" && len(rest) > 1 {
			c.device = rest[1]
			rest = rest[1:]
		} else if !slices.Contains([]string{"show", "list", "ls", "sh", "s", "l", "lst"}, rest[0]) && object[0] != 'r' {
			c.device = rest[0]
		}
		rest = rest[1:]
	}
	switch object[0] {
	case 'a':
		return c.fail(c.links(true))
	case 'l':
		return c.fail(c.links(false))
	case 'n':
		return c.fail(c.neighbours())
	}
	return c.fail(c.routes())
}

func (c *ip) fail(err error) int {
	if err != nil {
		return tool.Complain("ip", err)
	}
	return 0
}

// flagNames are the flags of a link in ip's order.
var flagNames = []struct {
	bit  uint32
	name string
}{
	{unix.IFF_LOOPBACK, "LOOPBACK"},
	{unix.IFF_BROADCAST, "BROADCAST"},
	{unix.IFF_POINTOPOINT, "POINTOPOINT"},
	{unix.IFF_MULTICAST, "MULTICAST"},
	{unix.IFF_NOARP, "NOARP"},
	{unix.IFF_ALLMULTI, "ALLMULTI"},
	{unix.IFF_PROMISC, "PROMISC"},
	{unix.IFF_MASTER, "MASTER"},
	{unix.IFF_SLAVE, "SLAVE"},
	{unix.IFF_UP, "UP"},
	{unix.IFF_LOWER_UP, "LOWER_UP"},
}

func flagsOf(raw uint32) string {
	var names []string
	if raw&unix.IFF_UP != 0 && raw&unix.IFF_RUNNING == 0 {
		names = append(names, "NO-CARRIER")
	}
	for _, f := range flagNames {
		if raw&f.bit != 0 {
			names = append(names, f.name)
		}
	}
	return strings.Join(names, ",")
}

func (c *ip) links(addresses bool) error {
	links, err := netlink.LinkList()
	if err != nil {
		return err
	}
	names := make(map[int]string)
	for _, l := range links {
		names[l.Attrs().Index] = l.Attrs().Name
	}
	found := false
	for _, l := range links {
		a := l.Attrs()
		if c.device != "" && a.Name != c.device {
			continue
		}
		found = true
		var list []netlink.Addr
		if addresses {
			if list, err = netlink.AddrList(l, c.family); err != nil {
				return err
			}
			if c.family != netlink.FAMILY_ALL && len(list) == 0 {
				continue
			}
		}
		if c.brief {
			c.briefLink(l, list, addresses)
			continue
		}
		c.link(l, names, addresses)
		for _, addr := range list {
			printAddress(&addr)
		}
		if c.stats {
			printStats(a.Statistics)
		}
	}
	if !found && c.device != "" {
		return fmt.Errorf("there is no device %q", c.device)
	}
	return nil
}

func linkName(a *netlink.LinkAttrs, names map[int]string) string {
	name := tool.Printable(a.Name)
	switch {
	case a.ParentIndex != 0 && names[a.ParentIndex] != "" && a.NetNsID < 0:
		name += "@" + names[a.ParentIndex]
	case a.ParentIndex != 0:
		name += "@if" + strconv.Itoa(a.ParentIndex)
	}
	return name
}

func (c *ip) link(l netlink.Link, names map[int]string, addresses bool) {
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
	fmt.Printf("%d: %s: <%s> mtu %d%s state %s%s group default", a.Index, linkName(a, names), flagsOf(a.RawFlags), a.MTU, master,
		strings.ToUpper(a.OperState.String()), mode)
	if queue > 0 {
		fmt.Printf(" qlen %d", queue)
	}
	kind := a.EncapType
	hardware, broadcast := a.HardwareAddr.String(), "ff:ff:ff:ff:ff:ff"
	if kind == "loopback" {
		hardware, broadcast = "00:00:00:00:00:00", "00:00:00:00:00:00"
	}
	fmt.Printf("\n    link/%s %s", kind, hardware)
	if hardware != "" && len(hardware) == len(broadcast) {
		fmt.Printf(" brd %s", broadcast)
	}
	if a.ParentIndex != 0 && a.NetNsID >= 0 {
		fmt.Printf(" link-netnsid %d", a.NetNsID)
	}
	fmt.Println()
}

func printAddress(a *netlink.Addr) {
	family := "inet"
	if a.IP.To4() == nil {
		family = "inet6"
	}
	fmt.Printf("    %s %s", family, a.IPNet)
	if a.Peer != nil && !a.Peer.IP.Equal(a.IP) {
		fmt.Printf(" peer %s", a.Peer)
	}
	if a.Broadcast != nil && !a.Broadcast.IsUnspecified() {
		fmt.Printf(" brd %s", a.Broadcast)
	}
	fmt.Printf(" scope %s", netlink.Scope(a.Scope).String())
	for _, flag := range []struct {
		bit  int
		name string
	}{{unix.IFA_F_SECONDARY, "secondary"}, {unix.IFA_F_TENTATIVE, "tentative"}, {unix.IFA_F_DEPRECATED, "deprecated"}, {unix.IFA_F_DADFAILED, "dadfailed"}} {
		if a.Flags&flag.bit != 0 {
			fmt.Print(" " + flag.name)
		}
	}
	if a.Flags&unix.IFA_F_PERMANENT == 0 {
		fmt.Print(" dynamic")
	}
	if a.Label != "" {
		fmt.Print(" " + tool.Printable(a.Label))
	}
	fmt.Printf("\n       valid_lft %s preferred_lft %s\n", lifetime(a.ValidLft), lifetime(a.PreferedLft))
}

func lifetime(seconds int) string {
	if seconds <= 0 || int64(seconds) == 1<<32-1 {
		return "forever"
	}
	return strconv.Itoa(seconds) + "sec"
}

func printStats(s *netlink.LinkStatistics) {
	if s == nil {
		return
	}
	fmt.Printf("    RX:  bytes packets errors dropped\n    %10d %7d %6d %7d\n", s.RxBytes, s.RxPackets, s.RxErrors, s.RxDropped)
	fmt.Printf("    TX:  bytes packets errors dropped\n    %10d %7d %6d %7d\n", s.TxBytes, s.TxPackets, s.TxErrors, s.TxDropped)
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

var scopes = map[netlink.Scope]string{unix.RT_SCOPE_UNIVERSE: "", unix.RT_SCOPE_LINK: " scope link", unix.RT_SCOPE_HOST: " scope host", unix.RT_SCOPE_SITE: " scope site"}

func (c *ip) routes() error {
	family := c.family
	if family == netlink.FAMILY_ALL {
		family = netlink.FAMILY_V4
	}
	routes, err := netlink.RouteList(nil, family)
	if err != nil {
		return err
	}
	for _, r := range routes {
		text, device := routeText(&r)
		if c.device == "" || device == c.device {
			fmt.Println(text)
		}
	}
	return nil
}

func routeText(r *netlink.Route) (text, device string) {
	text = "default"
	if r.Dst != nil {
		ones, bits := r.Dst.Mask.Size()
		switch {
		case ones == bits:
			text = r.Dst.IP.String()
		case ones > 0 || !r.Dst.IP.IsUnspecified():
			text = r.Dst.String()
		}
	}
	if r.Gw != nil {
		text += " via " + r.Gw.String()
	}
	if link, err := netlink.LinkByIndex(r.LinkIndex); err == nil && r.LinkIndex != 0 {
		device = link.Attrs().Name
		text += " dev " + tool.Printable(device)
	}
	if protocol := r.Protocol.String(); protocol != "boot" && protocol != "unspec" {
		text += " proto " + protocol
	}
	text += scopes[r.Scope]
	if r.Src != nil {
		text += " src " + r.Src.String()
	}
	if r.Priority != 0 {
		text += " metric " + strconv.Itoa(r.Priority)
	}
	for _, hop := range r.MultiPath {
		text += "\n\tnexthop via " + hop.Gw.String() + " weight " + strconv.Itoa(hop.Hops+1)
	}
	return text, device
}

func (c *ip) get(text string) error {
	target := net.ParseIP(text)
	if target == nil {
		return fmt.Errorf("%q is no address", text)
	}
	routes, err := netlink.RouteGet(target)
	if err != nil {
		return fmt.Errorf("%s: %w", text, err)
	}
	for _, r := range routes {
		line, _ := routeText(&r)
		fmt.Println(line)
	}
	return nil
}

var neighbourStates = []struct {
	bit  int
	name string
}{
	{netlink.NUD_PERMANENT, "PERMANENT"},
	{netlink.NUD_NOARP, "NOARP"},
	{netlink.NUD_REACHABLE, "REACHABLE"},
	{netlink.NUD_STALE, "STALE"},
	{netlink.NUD_DELAY, "DELAY"},
	{netlink.NUD_PROBE, "PROBE"},
	{netlink.NUD_FAILED, "FAILED"},
	{netlink.NUD_INCOMPLETE, "INCOMPLETE"},
}

func (c *ip) neighbours() error {
	links, err := netlink.LinkList()
	if err != nil {
		return err
	}
	for _, l := range links {
		if c.device != "" && l.Attrs().Name != c.device {
			continue
		}
		list, err := netlink.NeighList(l.Attrs().Index, c.family)
		if err != nil {
			return err
		}
		for _, n := range list {
			if n.State&netlink.NUD_NOARP != 0 {
				continue
			}
			fmt.Printf("%s dev %s", n.IP, tool.Printable(l.Attrs().Name))
			if len(n.HardwareAddr) > 0 {
				fmt.Printf(" lladdr %s", n.HardwareAddr)
			}
			for _, s := range neighbourStates {
				if n.State&s.bit != 0 {
					fmt.Print(" " + s.name)
				}
			}
			fmt.Println()
		}
	}
	return nil
}

// Route prints the routes of IPv4 as route -n and netstat -r do.
func Route(args []string) int {
	f := tool.Flags("route", "[-n]")
	f.BoolP("numeric", "n", false, "numbers instead of names (the default)")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	text, err := os.ReadFile("/proc/net/route")
	if err != nil {
		return tool.Complain("route", err)
	}
	fmt.Println("Kernel IP routing table")
	fmt.Printf("%-15s %-15s %-15s %-5s %-6s %-6s %3s %s\n", "Destination", "Gateway", "Genmask", "Flags", "Metric", "Ref", "Use", "Iface")
	for i, line := range strings.Split(string(text), "\n") {
		fields := strings.Fields(line)
		if i == 0 || len(fields) < 8 {
			continue
		}
		flags, _ := strconv.ParseUint(fields[3], 16, 16)
		letters := ""
		for _, l := range []struct {
			bit    uint64
			letter string
		}{{1, "U"}, {2, "G"}, {4, "H"}, {0x10, "D"}, {0x20, "M"}, {0x200, "!"}} {
			if flags&l.bit != 0 {
				letters += l.letter
			}
		}
		word := func(i int) string { addr, _ := address(fields[i] + ":0"); return addr.String() }
		fmt.Printf("%-15s %-15s %-15s %-5s %-6s %-6s %3s %s\n", word(1), word(2), word(7), letters, fields[6], fields[4], fields[5], tool.Printable(fields[0]))
	}
	return 0
}
