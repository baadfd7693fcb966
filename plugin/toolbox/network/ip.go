package network

import (
	"errors"
	"fmt"
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
	oneLine, up  bool
	defaults     bool // routes: the default only
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
	return len(args) == 1 || slices.Contains(showing, args[1]) || args[1] == "dev" ||
		object[0] == 'r' && args[1] == "get"
}

// Ip shows addresses, links, routes or neighbours.
func Ip(args []string) int { //nolint:revive // the tool's name
	c := ip{family: netlink.FAMILY_ALL}
	rest, err := c.options(args)
	if err == nil {
		object := rest[0]
		if rest = rest[1:]; object[0] == 'r' && len(rest) > 0 && rest[0] == "get" {
			if len(rest) != 2 {
				return c.fail(errors.New("route get takes an address, and nothing else here"))
			}
			return c.fail(c.get(rest[1]))
		}
		if err = c.filters(object, rest); err == nil {
			switch object[0] {
			case 'a':
				err = c.links(true)
			case 'l':
				err = c.links(false)
			case 'n':
				err = c.neighbours()
			default:
				err = c.routes()
			}
		}
	}
	return c.fail(err)
}

// options reads the options before the object. One that is not known, such as -j, is refused.
func (c *ip) options(args []string) (rest []string, err error) {
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		switch option := strings.TrimLeft(args[0], "-"); option {
		case "4":
			c.family = netlink.FAMILY_V4
		case "6":
			c.family = netlink.FAMILY_V6
		case "br", "brief":
			c.brief = true
		case "o", "oneline":
			c.oneLine = true
		case "s", "stats", "statistics":
			c.stats = true
		case "c", "color", "color=auto", "N", "Numeric": // no colors are shown, and no names of numbers
		default:
			return nil, fmt.Errorf("option %s is not supported here", tool.Printable(args[0]))
		}
		args = args[1:]
	}
	return args, nil
}

// showing are the words for "show".
var showing = []string{"show", "list", "ls", "sh", "s", "l", "lst"}

// filters reads what follows the object. Only a device and "up" choose here.
func (c *ip) filters(object string, rest []string) error {
	if len(rest) > 0 && slices.Contains(showing, rest[0]) {
		rest = rest[1:]
	}
	for i := 0; i < len(rest); i++ {
		switch word := rest[i]; {
		case word == "dev" && i+1 < len(rest):
			i++
			c.device = rest[i]
		case word == "up" && object[0] != 'r' && object[0] != 'n':
			c.up = true
		case object[0] == 'r' && word == "default":
			c.defaults = true
		case object[0] != 'r' && object[0] != 'n' && len(rest) == 1 && !slices.Contains([]string{"type", "master", "vrf", "scope", "to", "label", "dynamic", "permanent"}, word):
			c.device = word
		default:
			return fmt.Errorf("%q is not supported here: ip %s show [dev DEVICE]", word, object)
		}
	}
	return nil
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
		if c.up && a.RawFlags&unix.IFF_UP == 0 {
			continue
		}
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
		if c.oneLine && addresses {
			for _, addr := range list {
				fmt.Println(strings.Replace(fmt.Sprintf("%d: %s%s", a.Index, tool.Printable(a.Name), oneLine(addressText(&addr))), "\n", "", 1))
			}
			continue
		}
		text := c.link(l, names, addresses)
		for _, addr := range list {
			text += addressText(&addr)
		}
		if c.stats {
			text += statsText(a.Statistics)
		}
		if c.oneLine {
			text = oneLine(text) + "\n"
		}
		fmt.Print(text)
	}
	if !found && c.device != "" {
		return fmt.Errorf("there is no device %q", c.device)
	}
	return nil
}

// oneLine joins lines with a backslash, as ip -o does.
func oneLine(text string) string {
	return strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\\")
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
