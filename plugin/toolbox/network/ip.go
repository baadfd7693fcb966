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
	links, err := dumped(netlink.LinkList)
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
			if list, err = dumped(func() ([]netlink.Addr, error) { return netlink.AddrList(l, c.family) }); err != nil {
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
