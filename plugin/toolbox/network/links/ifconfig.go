package links

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// counters are the numbers of /proc/net/dev for an interface, in the order there: bytes, packets, errors, dropped, fifo, frame,
// compressed and multicast that were received, then what was sent.
type counters [16]uint64

// allCounters returns the numbers of each interface, and the interfaces in the kernel's order.
func allCounters() (names []string, found map[string]counters, err error) {
	file, err := os.Open("/proc/net/dev")
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	found = make(map[string]counters)
	err = tool.Lines(file, func(line []byte) bool {
		name, rest, ok := strings.Cut(string(line), ":")
		if fields := strings.Fields(rest); ok && len(fields) >= len(counters{}) {
			var c counters
			for i := range c {
				c[i], _ = strconv.ParseUint(fields[i], 10, 64)
			}
			name = strings.TrimSpace(name)
			names = append(names, name)
			found[name] = c
		}
		return true
	})
	return names, found, err
}

// interfaceFlags are the flags of interfaces, as ifconfig prints them.
var interfaceFlags = []struct {
	bit  uint32
	name string
}{
	{unix.IFF_UP, "UP"},
	{unix.IFF_BROADCAST, "BROADCAST"},
	{unix.IFF_DEBUG, "DEBUG"},
	{unix.IFF_LOOPBACK, "LOOPBACK"},
	{unix.IFF_POINTOPOINT, "POINTOPOINT"},
	{unix.IFF_NOTRAILERS, "NOTRAILERS"},
	{unix.IFF_RUNNING, "RUNNING"},
	{unix.IFF_NOARP, "NOARP"},
	{unix.IFF_PROMISC, "PROMISC"},
	{unix.IFF_ALLMULTI, "ALLMULTI"},
	{unix.IFF_SLAVE, "SLAVE"},
	{unix.IFF_MASTER, "MASTER"},
	{unix.IFF_MULTICAST, "MULTICAST"},
	{unix.IFF_DYNAMIC, "DYNAMIC"},
}

// shownFlags are those that ifconfig knows: the lower 16 bits.
const shownFlags = 0xffff

// Ifconfig prints interfaces. It changes none.
func Ifconfig(args []string) int {
	f := tool.Flags("ifconfig", "[-a] [INTERFACE]")
	all := f.BoolP("all", "a", false, "also interfaces that are down")
	f.BoolP("verbose", "v", false, "more messages (there are none)")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	if f.NArg() > 1 {
		return tool.Complain("ifconfig", fmt.Errorf("%s: interfaces are only shown here; ip changes them", tool.Printable(strings.Join(f.Args(), " "))))
	}
	names, numbers, err := allCounters()
	if err != nil {
		return tool.Complain("ifconfig", err)
	}
	if f.NArg() == 1 {
		names = []string{f.Arg(0)}
	}
	out, flush := tool.Output()
	defer flush()
	for _, name := range names {
		link, err := netlink.LinkByName(name)
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s: error fetching interface information: Device not found\n", tool.Printable(name))
			return 1
		}
		if f.NArg() == 0 && !*all && link.Attrs().RawFlags&unix.IFF_UP == 0 {
			continue
		}
		ifconfigOne(out, link, numbers[name])
	}
	return 0
}

func ifconfigOne(out *bufio.Writer, link netlink.Link, c counters) {
	a := link.Attrs()
	flags := a.RawFlags & shownFlags
	var words []string
	for _, row := range interfaceFlags {
		if flags&row.bit != 0 {
			words = append(words, row.name)
		}
	}
	fmt.Fprintf(out, "%s: flags=%d<%s>  mtu %d\n", tool.Printable(a.Name), flags, strings.Join(words, ","), a.MTU)
	ifconfigAddresses(out, link)
	kind, title := a.EncapType, "UNSPEC"
	switch kind {
	case "ether":
		title = "Ethernet"
		fmt.Fprintf(out, "        ether %s  txqueuelen %d  (%s)\n", a.HardwareAddr, max(0, a.TxQLen), title)
	case "loopback":
		fmt.Fprintf(out, "        loop  txqueuelen %d  (Local Loopback)\n", max(0, a.TxQLen))
	default:
		fmt.Fprintf(out, "        %s  txqueuelen %d  (%s)\n", "unspec", max(0, a.TxQLen), title)
	}
	fmt.Fprintf(out, "        RX packets %d  bytes %d (%s)\n", c[1], c[0], decimal(c[0]))
	fmt.Fprintf(out, "        RX errors %d  dropped %d  overruns %d  frame %d\n", c[2], c[3], c[4], c[5])
	fmt.Fprintf(out, "        TX packets %d  bytes %d (%s)\n", c[9], c[8], decimal(c[8]))
	fmt.Fprintf(out, "        TX errors %d  dropped %d overruns %d  carrier %d  collisions %d\n\n", c[10], c[11], c[12], c[14], c[13])
}

// ifconfigAddresses prints the first address of IPv4, as ifconfig does, and all of IPv6.
func ifconfigAddresses(out *bufio.Writer, link netlink.Link) {
	four, _ := netlink.AddrList(link, unix.AF_INET)
	if len(four) > 0 {
		one := four[0]
		fmt.Fprintf(out, "        inet %s  netmask %s", one.IP, net.IP(one.Mask))
		switch {
		case link.Attrs().RawFlags&unix.IFF_POINTOPOINT != 0 && one.Peer != nil:
			fmt.Fprintf(out, "  destination %s", one.Peer.IP)
		case one.Broadcast != nil:
			fmt.Fprintf(out, "  broadcast %s", one.Broadcast)
		case link.Attrs().RawFlags&unix.IFF_BROADCAST != 0:
			fmt.Fprint(out, "  broadcast 0.0.0.0")
		}
		out.WriteString("\n")
	}
	six, _ := netlink.AddrList(link, unix.AF_INET6)
	for _, one := range six {
		bits, _ := one.Mask.Size()
		scopes := map[int]string{0: "0x0<global>", unix.RT_SCOPE_LINK: "0x20<link>", unix.RT_SCOPE_HOST: "0x10<host>", unix.RT_SCOPE_SITE: "0x40<site>"}
		scope := scopes[one.Scope]
		fmt.Fprintf(out, "        inet6 %s  prefixlen %d  scopeid %s\n", one.IP, bits, scope)
	}
}

// decimal writes a number of bytes as ifconfig does.
func decimal(n uint64) string {
	value, unit := float64(n), "B"
	for _, next := range []string{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"} {
		if value < 1024 {
			break
		}
		value, unit = value/1024, next
	}
	return fmt.Sprintf("%.1f %s", value, unit)
}

// Counters prints the table of netstat -i.
func Counters(out *bufio.Writer, all bool) int {
	names, numbers, err := allCounters()
	if err != nil {
		return tool.Complain("netstat", err)
	}
	fmt.Fprintf(out, "Kernel Interface table\n%-15s %5s %8s %6s %6s %-6s %8s %6s %6s %6s %s\n", "Iface", "MTU", "RX-OK", "RX-ERR", "RX-DRP", "RX-OVR", "TX-OK", "TX-ERR", "TX-DRP", "TX-OVR", "Flg")
	for _, name := range names {
		link, err := netlink.LinkByName(name)
		if err != nil || link.Attrs().RawFlags&unix.IFF_UP == 0 && !all {
			continue
		}
		var flags []byte
		for _, row := range []struct {
			bit    uint32
			letter byte
		}{
			{unix.IFF_ALLMULTI, 'A'},
			{unix.IFF_BROADCAST, 'B'},
			{unix.IFF_DEBUG, 'D'},
			{unix.IFF_LOOPBACK, 'L'},
			{unix.IFF_MULTICAST, 'M'},
			{unix.IFF_PROMISC, 'P'},
			{unix.IFF_NOTRAILERS, 'N'},
			{unix.IFF_NOARP, 'O'},
			{unix.IFF_POINTOPOINT, 'P'},
			{unix.IFF_SLAVE, 's'},
			{unix.IFF_MASTER, 'm'},
			{unix.IFF_RUNNING, 'R'},
			{unix.IFF_UP, 'U'},
		} {
			if link.Attrs().RawFlags&row.bit != 0 {
				flags = append(flags, row.letter)
			}
		}
		c := numbers[name]
		fmt.Fprintf(out, "%-15s %5d %8d %6d %6d %-6d %8d %6d %6d %6d %s\n", tool.Printable(name), link.Attrs().MTU, c[1], c[2], c[3], c[4], c[9], c[10], c[11], c[12], flags)
	}
	return 0
}
