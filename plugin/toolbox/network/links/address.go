package links

import (
	"fmt"
	"math"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// addrRow is an address, in the form of ip -j.
type addrRow struct {
	Family     string `json:"family"`
	Local      string `json:"local"`
	Peer       string `json:"address,omitempty"`
	Bits       int    `json:"prefixlen"`
	Broadcast  string `json:"broadcast,omitempty"`
	Scope      string `json:"scope"`
	Secondary  bool   `json:"secondary,omitempty"`
	Tentative  bool   `json:"tentative,omitempty"`
	Deprecated bool   `json:"deprecated,omitempty"`
	Failed     bool   `json:"dadfailed,omitempty"`
	Dynamic    bool   `json:"dynamic,omitempty"`
	Label      string `json:"label,omitempty"`
	Valid      uint32 `json:"valid_life_time"`
	Preferred  uint32 `json:"preferred_life_time"`
}

// addresses returns the addresses of a link.
func (c *ip) addresses(l netlink.Link) ([]addrRow, error) {
	list, err := dumped(func() ([]netlink.Addr, error) { return netlink.AddrList(l, c.family) })
	if err != nil {
		return nil, err
	}
	rows := []addrRow{}
	for _, a := range list {
		rows = append(rows, rowOf(&a))
	}
	return rows, nil
}

func rowOf(a *netlink.Addr) addrRow {
	row := addrRow{
		Family: "inet", Local: a.IP.String(), Label: tool.Printable(a.Label), Valid: seconds(a.ValidLft), Preferred: seconds(a.PreferedLft),
		Scope:     strings.Replace(netlink.Scope(a.Scope).String(), "universe", "global", 1), // iproute2's word
		Secondary: a.Flags&unix.IFA_F_SECONDARY != 0, Tentative: a.Flags&unix.IFA_F_TENTATIVE != 0, Deprecated: a.Flags&unix.IFA_F_DEPRECATED != 0,
		Failed: a.Flags&unix.IFA_F_DADFAILED != 0, Dynamic: a.Flags&unix.IFA_F_PERMANENT == 0,
	}
	if a.IP.To4() == nil {
		row.Family = "inet6"
	}
	row.Bits, _ = a.Mask.Size()
	if a.Peer != nil && !a.Peer.IP.Equal(a.IP) {
		row.Peer = a.Peer.IP.String()
		row.Bits, _ = a.Peer.Mask.Size()
	}
	if a.Broadcast != nil && !a.Broadcast.IsUnspecified() {
		row.Broadcast = a.Broadcast.String()
	}
	return row
}

// seconds returns how long an address is valid. All ones are for ever.
func seconds(n int) uint32 {
	if n <= 0 || int64(n) >= math.MaxUint32 {
		return math.MaxUint32
	}
	return uint32(n)
}

func lifetime(n uint32) string {
	if n == math.MaxUint32 {
		return "forever"
	}
	return fmt.Sprintf("%dsec", n)
}

func (a *addrRow) text() string {
	var out strings.Builder
	if a.Peer != "" {
		fmt.Fprintf(&out, "    %s %s peer %s/%d", a.Family, a.Local, a.Peer, a.Bits)
	} else {
		fmt.Fprintf(&out, "    %s %s/%d", a.Family, a.Local, a.Bits)
	}
	if a.Broadcast != "" {
		fmt.Fprintf(&out, " brd %s", a.Broadcast)
	}
	fmt.Fprintf(&out, " scope %s", a.Scope)
	for _, flag := range []struct {
		set  bool
		name string
	}{{a.Secondary, "secondary"}, {a.Tentative, "tentative"}, {a.Deprecated, "deprecated"}, {a.Failed, "dadfailed"}, {a.Dynamic, "dynamic"}} {
		if flag.set {
			out.WriteString(" " + flag.name)
		}
	}
	if a.Label != "" {
		out.WriteString(" " + a.Label)
	}
	fmt.Fprintf(&out, "\n       valid_lft %s preferred_lft %s\n", lifetime(a.Valid), lifetime(a.Preferred))
	return out.String()
}
