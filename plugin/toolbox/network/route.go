package network

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

var scopes = map[netlink.Scope]string{unix.RT_SCOPE_UNIVERSE: "", unix.RT_SCOPE_LINK: " scope link", unix.RT_SCOPE_HOST: " scope host", unix.RT_SCOPE_SITE: " scope site"}

func (c *ip) routes() error {
	family := c.family
	if family == netlink.FAMILY_ALL {
		family = netlink.FAMILY_V4
	}
	routes, err := dumped(func() ([]netlink.Route, error) { return netlink.RouteList(nil, family) })
	if err != nil {
		return err
	}
	for _, r := range routes {
		text, device := routeText(&r)
		if (c.device == "" || device == c.device) && (!c.defaults || strings.HasPrefix(text, "default")) {
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
	links, err := dumped(netlink.LinkList)
	if err != nil {
		return err
	}
	for _, l := range links {
		if c.device != "" && l.Attrs().Name != c.device {
			continue
		}
		list, err := dumped(func() ([]netlink.Neigh, error) { return netlink.NeighList(l.Attrs().Index, c.family) })
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
		var letters strings.Builder
		for _, l := range []struct {
			bit    uint64
			letter string
		}{{1, "U"}, {2, "G"}, {4, "H"}, {0x10, "D"}, {0x20, "M"}, {0x200, "!"}} {
			if flags&l.bit != 0 {
				letters.WriteString(l.letter)
			}
		}
		word := func(i int) string { addr, _ := address(fields[i] + ":0"); return addr.String() }
		fmt.Printf("%-15s %-15s %-15s %-5s %-6s %-6s %3s %s\n", word(1), word(2), word(7), letters.String(), fields[6], fields[4], fields[5], tool.Printable(fields[0]))
	}
	return 0
}
