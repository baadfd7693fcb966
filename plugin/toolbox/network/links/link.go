package links

import (
	"cmp"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// linkRow is a link, in the form of ip -j.
type linkRow struct {
	Index     int      `json:"ifindex"`
	LinkIndex int      `json:"link_index,omitempty"`
	Link      string   `json:"link,omitempty"`
	Name      string   `json:"ifname"`
	Flags     []string `json:"flags"`
	MTU       int      `json:"mtu"`
	Discipl   string   `json:"qdisc"`
	Master    string   `json:"master,omitempty"`
	State     string   `json:"operstate"`
	Mode      string   `json:"linkmode,omitempty"`
	Group     string   `json:"group"`
	Queue     int      `json:"txqlen,omitempty"`
	Type      string   `json:"link_type,omitempty"`
	Address   string   `json:"address,omitempty"`
	Broadcast string   `json:"broadcast,omitempty"`
	NetNS     *int     `json:"link_netnsid,omitempty"`
	*linkDetails
	Stats     *linkStats `json:"stats64,omitempty"`
	Addresses *[]addrRow `json:"addr_info,omitempty"`
}

// linkDetails are what -d adds.
type linkDetails struct {
	Promiscuity int       `json:"promiscuity"`
	AllMulti    int       `json:"allmulti"`
	MinMTU      uint32    `json:"min_mtu"`
	MaxMTU      uint32    `json:"max_mtu"`
	Kind        *linkKind `json:"linkinfo,omitempty"`
	TxQueues    int       `json:"num_tx_queues"`
	RxQueues    int       `json:"num_rx_queues"`
	GSOSize     uint32    `json:"gso_max_size"`
	GSOSegments uint32    `json:"gso_max_segs"`
	TSOSize     uint32    `json:"tso_max_size"`
	TSOSegments uint32    `json:"tso_max_segs"`
	GROSize     uint32    `json:"gro_max_size"`
}

type linkKind struct {
	Kind string `json:"info_kind"`
	text string
}

type linkStats struct {
	Rx received `json:"rx"`
	Tx sent     `json:"tx"`
}

type received struct {
	Bytes     uint64 `json:"bytes"`
	Packets   uint64 `json:"packets"`
	Errors    uint64 `json:"errors"`
	Dropped   uint64 `json:"dropped"`
	Over      uint64 `json:"over_errors"`
	Multicast uint64 `json:"multicast"`
	missed    uint64
}

type sent struct {
	Bytes      uint64 `json:"bytes"`
	Packets    uint64 `json:"packets"`
	Errors     uint64 `json:"errors"`
	Dropped    uint64 `json:"dropped"`
	Carrier    uint64 `json:"carrier_errors"`
	Collisions uint64 `json:"collisions"`
}

// extra is what package netlink does not read of a link.
type extra struct {
	discipline, mode string
	broadcast        net.HardwareAddr
	minMTU, maxMTU   uint32
}

// extras asks the kernel for it, by the links' numbers.
func extras() (map[int]extra, error) {
	const minMTU, maxMTU = 50, 51 // IFLA_MIN_MTU, IFLA_MAX_MTU
	request := nl.NewNetlinkRequest(unix.RTM_GETLINK, unix.NLM_F_DUMP)
	request.AddData(nl.NewIfInfomsg(unix.AF_UNSPEC))
	messages, err := dumped(func() ([][]byte, error) { return request.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWLINK) })
	if err != nil {
		return nil, err
	}
	found := make(map[int]extra)
	for _, m := range messages {
		if len(m) < unix.SizeofIfInfomsg {
			continue
		}
		info := nl.DeserializeIfInfomsg(m)
		attributes, err := nl.ParseRouteAttr(m[info.Len():])
		if err != nil {
			return nil, err
		}
		e := extra{mode: "DEFAULT"}
		for _, a := range attributes {
			switch {
			case a.Attr.Type == unix.IFLA_QDISC:
				e.discipline = strings.TrimRight(string(a.Value), "\x00")
			case a.Attr.Type == unix.IFLA_BROADCAST:
				e.broadcast = a.Value
			case a.Attr.Type == unix.IFLA_LINKMODE && len(a.Value) > 0 && a.Value[0] == 1:
				e.mode = "DORMANT"
			case a.Attr.Type == minMTU && len(a.Value) >= 4:
				e.minMTU = nl.NativeEndian().Uint32(a.Value)
			case a.Attr.Type == maxMTU && len(a.Value) >= 4:
				e.maxMTU = nl.NativeEndian().Uint32(a.Value)
			}
		}
		found[int(info.Index)] = e
	}
	return found, nil
}

// links prints links, or addresses.
func (c *ip) links(addresses bool) error {
	list, err := dumped(netlink.LinkList)
	if err != nil {
		return err
	}
	more, err := extras()
	if err != nil {
		return err
	}
	names := make(map[int]string)
	for _, l := range list {
		names[l.Attrs().Index] = l.Attrs().Name
	}
	rows := []linkRow{}
	found := c.device == ""
	for _, l := range list {
		a := l.Attrs()
		found = found || a.Name == c.device
		if !c.wanted(l, names) {
			continue
		}
		row := c.row(l, more[a.Index], names, !addresses)
		if addresses {
			if err := c.addAddresses(&row, l); err != nil {
				return err
			}
			if c.family != netlink.FAMILY_ALL && len(*row.Addresses) == 0 {
				continue
			}
		}
		rows = append(rows, row)
	}
	if !found {
		return fmt.Errorf("there is no device %q", c.device)
	}
	if c.json {
		return c.print(rows)
	}
	for _, row := range rows {
		tool.Print(c.text(&row))
	}
	return nil
}

// addAddresses adds the addresses of a link to its row. If they are of one family, the link's own one is left out.
func (c *ip) addAddresses(row *linkRow, l netlink.Link) error {
	own, err := c.addresses(l)
	row.Addresses = &own
	if c.family != netlink.FAMILY_ALL {
		row.Type, row.Address, row.Broadcast = "", "", ""
	}
	return err
}

// wanted reports whether a link is chosen.
func (c *ip) wanted(l netlink.Link, names map[int]string) bool {
	a := l.Attrs()
	return (c.device == "" || a.Name == c.device) && (!c.up || a.RawFlags&unix.IFF_UP != 0) &&
		(c.kind == "" || l.Type() == c.kind) && (c.master == "" || names[a.MasterIndex] == c.master)
}

func (c *ip) row(l netlink.Link, e extra, names map[int]string, withMode bool) linkRow {
	a := l.Attrs()
	row := linkRow{
		Index: a.Index, Name: tool.Printable(a.Name), Flags: flagsOf(a.RawFlags), MTU: a.MTU, Discipl: tool.Printable(cmp.Or(e.discipline, "noop")),
		State: strings.ToUpper(a.OperState.String()), Group: groupName(a.Group), Queue: a.TxQLen, Type: a.EncapType,
		Address: a.HardwareAddr.String(), Broadcast: e.broadcast.String(),
	}
	if a.MasterIndex != 0 {
		row.Master = tool.Printable(cmp.Or(names[a.MasterIndex], "if"+strconv.Itoa(a.MasterIndex)))
	}
	if withMode {
		row.Mode = e.mode
	}
	if a.EncapType == "loopback" && row.Address == "" {
		row.Address, row.Broadcast = "00:00:00:00:00:00", "00:00:00:00:00:00"
	}
	switch {
	case a.ParentIndex != 0 && names[a.ParentIndex] != "" && a.NetNsID < 0:
		row.Link = tool.Printable(names[a.ParentIndex])
	case a.ParentIndex != 0:
		row.LinkIndex = a.ParentIndex
		if a.NetNsID >= 0 {
			row.NetNS = &a.NetNsID
		}
	}
	if s := a.Statistics; c.stats && s != nil {
		row.Stats = &linkStats{
			received{s.RxBytes, s.RxPackets, s.RxErrors, s.RxDropped, s.RxOverErrors, s.Multicast, s.RxMissedErrors},
			sent{s.TxBytes, s.TxPackets, s.TxErrors, s.TxDropped, s.TxCarrierErrors, s.Collisions},
		}
	}
	if c.details {
		row.linkDetails = &linkDetails{a.Promisc, a.Allmulti, e.minMTU, e.maxMTU, kindOf(l), a.NumTxQueues, a.NumRxQueues, a.GSOMaxSize, a.GSOMaxSegs, a.TSOMaxSize, a.TSOMaxSegs, a.GROMaxSize}
	}
	return row
}

// kindOf returns the kind of a link that was made by software.
func kindOf(l netlink.Link) *linkKind {
	kind := l.Type()
	text := kind
	switch l := l.(type) {
	case *netlink.Device:
		return nil
	case *netlink.Vlan:
		text = fmt.Sprintf("vlan protocol %s id %d", l.VlanProtocol, l.VlanId)
	case *netlink.Vxlan:
		text = fmt.Sprintf("vxlan id %d", l.VxlanId)
	case *netlink.Macvlan:
		text = "macvlan mode " + map[netlink.MacvlanMode]string{netlink.MACVLAN_MODE_PRIVATE: "private", netlink.MACVLAN_MODE_VEPA: "vepa", netlink.MACVLAN_MODE_BRIDGE: "bridge", netlink.MACVLAN_MODE_PASSTHRU: "passthru"}[l.Mode]
	}
	return &linkKind{tool.Printable(kind), tool.Printable(text)}
}

func groupName(n uint32) string {
	if n == 0 {
		return "default"
	}
	return strconv.FormatUint(uint64(n), 10)
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
	{unix.IFF_DEBUG, "DEBUG"},
	{unix.IFF_DYNAMIC, "DYNAMIC"},
	{unix.IFF_UP, "UP"},
	{unix.IFF_LOWER_UP, "LOWER_UP"},
	{unix.IFF_DORMANT, "DORMANT"},
}

func flagsOf(raw uint32) []string {
	names := []string{}
	if raw&unix.IFF_UP != 0 && raw&unix.IFF_RUNNING == 0 {
		names = append(names, "NO-CARRIER")
	}
	for _, f := range flagNames {
		if raw&f.bit != 0 {
			names = append(names, f.name)
		}
	}
	return names
}
