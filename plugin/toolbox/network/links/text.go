package links

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// text returns the lines of a link.
func (c *ip) text(r *linkRow) string {
	switch {
	case c.brief:
		return r.brief()
	case c.oneLine && r.Addresses != nil:
		var out strings.Builder
		for _, a := range *r.Addresses {
			fmt.Fprintf(&out, "%d: %s%s\n", r.Index, r.Name, oneLine(a.text()))
		}
		return out.String()
	}
	var out strings.Builder
	out.WriteString(r.head())
	if r.Addresses != nil {
		for _, a := range *r.Addresses {
			out.WriteString(a.text())
		}
	}
	if r.Stats != nil {
		out.WriteString(r.Stats.text())
	}
	if c.oneLine {
		return oneLine(out.String()) + "\n"
	}
	return out.String()
}

// oneLine joins lines with a backslash, as ip -o does.
func oneLine(text string) string {
	return strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\\")
}

// longName is the name with that of the other end, as in eth0@if5.
func (r *linkRow) longName() string {
	switch {
	case r.Link != "":
		return r.Name + "@" + r.Link
	case r.LinkIndex != 0:
		return r.Name + "@if" + strconv.Itoa(r.LinkIndex)
	}
	return r.Name
}

// head returns the lines in front of the addresses.
func (r *linkRow) head() string {
	var out strings.Builder
	fmt.Fprintf(&out, "%d: %s: <%s> mtu %d qdisc %s", r.Index, r.longName(), strings.Join(r.Flags, ","), r.MTU, r.Discipl)
	for _, part := range []struct{ word, value string }{{"master", r.Master}, {"state", r.State}, {"mode", r.Mode}, {"group", r.Group}} {
		if part.value != "" {
			fmt.Fprintf(&out, " %s %s", part.word, part.value)
		}
	}
	if r.Queue > 0 {
		fmt.Fprintf(&out, " qlen %d", r.Queue)
	}
	if r.Type == "" {
		return out.String() + "\n"
	}
	fmt.Fprintf(&out, "\n    link/%s %s", r.Type, r.Address)
	if r.Address != "" && r.Broadcast != "" {
		fmt.Fprintf(&out, " brd %s", r.Broadcast)
	}
	if r.NetNS != nil {
		fmt.Fprintf(&out, " link-netnsid %d", *r.NetNS)
	}
	if d := r.linkDetails; d != nil {
		fmt.Fprintf(&out, " promiscuity %d  allmulti %d minmtu %d maxmtu %d ", d.Promiscuity, d.AllMulti, d.MinMTU, d.MaxMTU)
		if d.Kind != nil {
			fmt.Fprintf(&out, "\n    %s ", d.Kind.text)
		}
		fmt.Fprintf(&out, "numtxqueues %d numrxqueues %d gso_max_size %d gso_max_segs %d tso_max_size %d tso_max_segs %d gro_max_size %d ", d.TxQueues, d.RxQueues, d.GSOSize, d.GSOSegments, d.TSOSize, d.TSOSegments, d.GROSize)
	}
	out.WriteString("\n")
	return out.String()
}

func (r *linkRow) brief() string {
	var out strings.Builder
	fmt.Fprintf(&out, "%-16s %-14s ", r.longName(), r.State)
	if r.Addresses == nil {
		fmt.Fprintf(&out, "%s <%s> \n", cmp.Or(r.Address, "00:00:00:00:00:00"), strings.Join(r.Flags, ","))
		return out.String()
	}
	for _, a := range *r.Addresses {
		if a.Peer != "" {
			fmt.Fprintf(&out, "%s peer %s/%d ", a.Local, a.Peer, a.Bits)
			continue
		}
		fmt.Fprintf(&out, "%s/%d ", a.Local, a.Bits)
	}
	return out.String() + "\n"
}

// text returns the numbers of packets, in columns as wide as both lines need.
func (s *linkStats) text() string {
	rows := [4][]string{{"bytes", "packets", "errors", "dropped", " missed", "  mcast"}, nil, {"bytes", "packets", "errors", "dropped", "carrier", "collsns"}, nil}
	for i, list := range [][]uint64{{s.Rx.Bytes, s.Rx.Packets, s.Rx.Errors, s.Rx.Dropped, s.Rx.missed, s.Rx.Multicast}, {s.Tx.Bytes, s.Tx.Packets, s.Tx.Errors, s.Tx.Dropped, s.Tx.Carrier, s.Tx.Collisions}} {
		for _, n := range list {
			rows[2*i+1] = append(rows[2*i+1], strconv.FormatUint(n, 10))
		}
	}
	widths := make([]int, 6)
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], len(cell))
		}
	}
	widths[0] = max(widths[0], 6)
	var out strings.Builder
	for i, row := range rows {
		before := "    "
		if i%2 == 0 {
			before = []string{"    RX: ", "    TX: "}[i/2]
		}
		out.WriteString(before)
		for j, cell := range row {
			width := widths[j]
			if j == 0 && i%2 == 1 {
				width += 4
			}
			fmt.Fprintf(&out, "%*s ", width, cell)
		}
		if i%2 == 0 {
			out.WriteString("          ")
		}
		out.WriteString("\n")
	}
	return out.String()
}
