package links

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// routeRow is a route, in the form of ip -j.
type routeRow struct {
	Type     string    `json:"type,omitempty"`
	Dst      string    `json:"dst"`
	From     string    `json:"from,omitempty"`
	Gateway  string    `json:"gateway,omitempty"`
	Dev      string    `json:"dev,omitempty"`
	Table    string    `json:"table,omitempty"`
	Protocol string    `json:"protocol,omitempty"`
	Scope    string    `json:"scope,omitempty"`
	Source   string    `json:"prefsrc,omitempty"`
	Metric   *int      `json:"metric,omitempty"`
	MTU      int       `json:"mtu,omitempty"`
	Flags    []string  `json:"flags"`
	Hops     []hopRow  `json:"nexthops,omitempty"`
	UID      *uint32   `json:"uid,omitempty"`
	Cache    *[]string `json:"cache,omitempty"`
}

type hopRow struct {
	Gateway string   `json:"gateway,omitempty"`
	Dev     string   `json:"dev,omitempty"`
	Weight  int      `json:"weight"`
	Flags   []string `json:"flags"`
}

// tables are the names of tables of routes.
var tables = map[int]string{unix.RT_TABLE_LOCAL: "local", unix.RT_TABLE_MAIN: "main", unix.RT_TABLE_DEFAULT: "default"}

func tableName(n int) string {
	if name, ok := tables[n]; ok {
		return name
	}
	return strconv.Itoa(n)
}

// tableNumber returns the number of a table, or 0 for all.
func tableNumber(text string) (int, error) {
	if text == "" {
		return unix.RT_TABLE_MAIN, nil
	}
	if text == "all" {
		return 0, nil
	}
	for n, name := range tables {
		if name == text {
			return n, nil
		}
	}
	n, err := strconv.ParseUint(text, 0, 32)
	if err != nil {
		return 0, fmt.Errorf("there is no table %q", text)
	}
	return int(n), nil
}

func isPrefix(text string) bool {
	_, _, err := net.ParseCIDR(text)
	return text == "default" || err == nil || net.ParseIP(text) != nil
}

func (c *ip) routes() error {
	table, err := tableNumber(c.table)
	if err != nil {
		return err
	}
	families := []int{c.family}
	if c.family == netlink.FAMILY_ALL {
		families = []int{netlink.FAMILY_V4}
		if table == 0 {
			families = append(families, netlink.FAMILY_V6)
		}
	}
	rows := []routeRow{}
	for _, family := range families {
		list, err := c.routesIn(family, table)
		if err != nil {
			return err
		}
		rows = append(rows, list...)
	}
	return printRows(c, rows)
}

// routesIn returns the routes of a family in a table, or in all of them.
func (c *ip) routesIn(family, table int) (rows []routeRow, err error) {
	routes, err := dumped(func() ([]netlink.Route, error) {
		return netlink.RouteListFiltered(family, &netlink.Route{Table: table}, netlink.RT_FILTER_TABLE)
	})
	names := deviceNames()
	for _, r := range routes {
		row := routeOf(&r, names)
		if !c.chooses(&r, &row) {
			continue
		}
		if table == 0 && r.Table != unix.RT_TABLE_MAIN {
			row.Table = tableName(r.Table)
		}
		if c.device != "" { // as iproute2, which does not repeat what was asked for
			row.Dev = ""
		}
		rows = append(rows, row)
	}
	return rows, err
}

// chooses reports whether a route is to be shown.
func (c *ip) chooses(r *netlink.Route, row *routeRow) bool {
	return (c.device == "" || row.Dev == tool.Printable(c.device)) && (c.prefix == "" || row.Dst == c.prefix) && (c.protocol == "" || r.Protocol.String() == c.protocol)
}

// deviceNames returns the names of interfaces.
func deviceNames() map[int]string {
	names := make(map[int]string)
	list, _ := dumped(netlink.LinkList)
	for _, l := range list {
		names[l.Attrs().Index] = tool.Printable(l.Attrs().Name)
	}
	return names
}

var scopes = map[netlink.Scope]string{unix.RT_SCOPE_LINK: "link", unix.RT_SCOPE_HOST: "host", unix.RT_SCOPE_SITE: "site", unix.RT_SCOPE_NOWHERE: "nowhere"}

var routeTypes = map[int]string{unix.RTN_LOCAL: "local", unix.RTN_BROADCAST: "broadcast", unix.RTN_ANYCAST: "anycast", unix.RTN_MULTICAST: "multicast", unix.RTN_BLACKHOLE: "blackhole", unix.RTN_UNREACHABLE: "unreachable", unix.RTN_PROHIBIT: "prohibit", unix.RTN_THROW: "throw"}

func routeOf(r *netlink.Route, names map[int]string) routeRow {
	row := routeRow{Type: routeTypes[r.Type], Dst: "default", Dev: names[r.LinkIndex], Scope: scopes[r.Scope], MTU: r.MTU, Flags: hopFlags(r.Flags)}
	if r.Dst != nil {
		ones, bits := r.Dst.Mask.Size()
		switch {
		case ones == bits:
			row.Dst = r.Dst.IP.String()
		case ones > 0 || !r.Dst.IP.IsUnspecified():
			row.Dst = r.Dst.String()
		}
	}
	if r.Gw != nil {
		row.Gateway = r.Gw.String()
	}
	if r.Priority != 0 || r.Family == netlink.FAMILY_V6 {
		row.Metric = &r.Priority
	}
	if protocol := r.Protocol.String(); protocol != "boot" && protocol != "unspec" {
		row.Protocol = protocol
	}
	if r.Src != nil {
		row.Source = r.Src.String()
	}
	for _, hop := range r.MultiPath {
		h := hopRow{Dev: names[hop.LinkIndex], Weight: hop.Hops + 1, Flags: hopFlags(hop.Flags)}
		if hop.Gw != nil {
			h.Gateway = hop.Gw.String()
		}
		row.Hops = append(row.Hops, h)
	}
	return row
}

// hopFlags are the states of a way.
func hopFlags(bits int) []string {
	names := []string{}
	for _, flag := range []struct {
		bit  int
		name string
	}{{unix.RTNH_F_DEAD, "dead"}, {unix.RTNH_F_ONLINK, "onlink"}, {unix.RTNH_F_PERVASIVE, "pervasive"}, {unix.RTNH_F_LINKDOWN, "linkdown"}} {
		if bits&flag.bit != 0 {
			names = append(names, flag.name)
		}
	}
	return names
}

func (r *routeRow) text() string {
	var out strings.Builder
	out.WriteString(strings.TrimPrefix(r.Type+" ", " ") + r.Dst)
	out.WriteString(parts("from", r.From, "via", r.Gateway, "dev", r.Dev, "table", r.Table, "proto", r.Protocol, "scope", r.Scope, "src", r.Source))
	if r.Metric != nil {
		fmt.Fprintf(&out, " metric %d", *r.Metric)
	}
	out.WriteString(after(r.Flags))
	if r.UID != nil {
		fmt.Fprintf(&out, " uid %d", *r.UID)
	}
	if r.MTU != 0 {
		fmt.Fprintf(&out, " mtu %d", r.MTU)
	}
	for _, hop := range r.Hops {
		out.WriteString("\n\tnexthop" + parts("via", hop.Gateway, "dev", hop.Dev, "weight", strconv.Itoa(hop.Weight)) + after(hop.Flags))
	}
	if r.Cache != nil {
		out.WriteString(" \n    cache ")
		if len(*r.Cache) > 0 {
			out.WriteString("<" + strings.Join(*r.Cache, ",") + "> ")
		}
	}
	return out.String()
}

// parts joins words with their values, where there is a value.
func parts(pairs ...string) string {
	var out strings.Builder
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			out.WriteString(" " + pairs[i] + " " + pairs[i+1])
		}
	}
	return out.String()
}

func after(words []string) string {
	if len(words) == 0 {
		return ""
	}
	return " " + strings.Join(words, " ")
}

// getOptions reads the arguments of "route get".
func getOptions(args []string) (target net.IP, from string, options *netlink.RouteGetOptions, err error) {
	options = &netlink.RouteGetOptions{}
	for len(args) > 0 {
		word, value := args[0], ""
		if len(args) > 1 {
			value = args[1]
		}
		used := 2
		switch {
		case value != "" && word == "to":
			used = 1
		case word == "from" && net.ParseIP(value) != nil:
			options.SrcAddr, from = net.ParseIP(value), value
		case value != "" && (word == "oif" || word == "dev"):
			options.Oif = value
		case value != "" && word == "iif":
			options.Iif = value
		case value != "" && word == "mark":
			n, err := strconv.ParseUint(value, 0, 32)
			if err != nil {
				return nil, "", nil, fmt.Errorf("%q is no mark", value)
			}
			options.Mark = uint32(n)
		case target != nil:
			return nil, "", nil, fmt.Errorf("%q is not supported here: ip route get ADDRESS [from ADDRESS] [oif DEVICE] [iif DEVICE] [mark MARK]", word)
		default:
			used = 1
			text, _, _ := strings.Cut(word, "/")
			if target = net.ParseIP(text); target == nil {
				return nil, "", nil, fmt.Errorf("%q is no address", word)
			}
		}
		args = args[used:]
	}
	if target == nil {
		err = errors.New("route get needs an address")
	}
	return target, from, options, err
}

// get prints the way to an address.
func (c *ip) get(args []string) error {
	target, from, options, err := getOptions(args)
	if err != nil {
		return err
	}
	routes, err := netlink.RouteGetWithOptions(target, options)
	if err != nil {
		return fmt.Errorf("%s: %w", target, err)
	}
	rows := []routeRow{}
	names := deviceNames()
	uid := uint32(unix.Getuid())
	for _, r := range routes {
		row := routeOf(&r, names)
		cache := []string{}
		if row.Type != "" {
			cache = append(cache, row.Type)
		}
		row.Scope, row.From, row.UID, row.Cache, row.Protocol, row.Metric = "", from, &uid, &cache, "", nil
		if r.Table != 0 && r.Table != unix.RT_TABLE_MAIN {
			row.Table = tableName(r.Table)
		}
		rows = append(rows, row)
	}
	return printRows(c, rows)
}
