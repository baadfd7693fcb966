package links

import (
	"fmt"
	"net"
	"strconv"

	"github.com/vishvananda/netlink"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// ruleRow is a rule, in the form of ip -j.
type ruleRow struct {
	Priority int    `json:"priority"`
	Not      *bool  `json:"not,omitempty"`
	Src      string `json:"src"`
	SrcBits  int    `json:"srclen,omitempty"`
	Dst      string `json:"dst,omitempty"`
	DstBits  int    `json:"dstlen,omitempty"`
	Mark     string `json:"fwmark,omitempty"`
	Mask     string `json:"fwmask,omitempty"`
	Iif      string `json:"iif,omitempty"`
	Oif      string `json:"oif,omitempty"`
	Table    string `json:"table,omitempty"`
	more     string
}

func (c *ip) rules() error {
	family := c.family
	if family == netlink.FAMILY_ALL {
		family = netlink.FAMILY_V4
	}
	list, err := dumped(func() ([]netlink.Rule, error) { return netlink.RuleList(family) })
	if err != nil {
		return err
	}
	rows := []ruleRow{}
	for _, r := range list {
		if row := ruleOf(&r); c.table == "" || c.table == row.Table {
			rows = append(rows, row)
		}
	}
	return printRows(c, rows)
}

func ruleOf(r *netlink.Rule) ruleRow {
	row := ruleRow{Priority: r.Priority, Src: "all", Iif: tool.Printable(r.IifName), Oif: tool.Printable(r.OifName), Table: tableName(r.Table)}
	if r.Invert {
		row.Not = &r.Invert
	}
	if r.Src != nil {
		row.Src, row.SrcBits = prefix(r.Src)
	}
	if r.Dst != nil {
		row.Dst, row.DstBits = prefix(r.Dst)
	}
	if r.Mark != 0 || r.Mask != nil && *r.Mask != 0 {
		row.Mark = fmt.Sprintf("0x%x", r.Mark)
		if r.Mask != nil && *r.Mask != 1<<32-1 {
			row.Mask = fmt.Sprintf("0x%x", *r.Mask)
		}
	}
	if r.UIDRange != nil {
		row.more += fmt.Sprintf(" uidrange %d-%d", r.UIDRange.Start, r.UIDRange.End)
	}
	if r.IPProto != 0 {
		row.more += fmt.Sprintf(" ipproto %d", r.IPProto)
	}
	if r.Sport != nil {
		row.more += " sport " + portsOf(r.Sport)
	}
	if r.Dport != nil {
		row.more += " dport " + portsOf(r.Dport)
	}
	return row
}

func portsOf(r *netlink.RulePortRange) string {
	if r.Start == r.End {
		return strconv.Itoa(int(r.Start))
	}
	return fmt.Sprintf("%d-%d", r.Start, r.End)
}

// prefix returns an address, and how many bits of it count if these are not all.
func prefix(n *net.IPNet) (address string, length int) {
	ones, bits := n.Mask.Size()
	if ones == bits {
		return n.IP.String(), 0
	}
	return n.IP.String(), ones
}

func (r *ruleRow) text() string {
	text := strconv.Itoa(r.Priority) + ":\t"
	if r.Not != nil {
		text += "not "
	}
	text += "from " + r.Src
	if r.SrcBits != 0 {
		text += "/" + strconv.Itoa(r.SrcBits)
	}
	if r.Dst != "" {
		text += " to " + r.Dst
		if r.DstBits != 0 {
			text += "/" + strconv.Itoa(r.DstBits)
		}
	}
	mark := r.Mark
	if r.Mask != "" {
		mark += "/" + r.Mask
	}
	return text + parts("fwmark", mark, "iif", r.Iif, "oif", r.Oif) + r.more + " lookup " + r.Table
}
