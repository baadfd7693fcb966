package links

import (
	"strings"

	"github.com/vishvananda/netlink"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

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

// neighbourRow is a neighbour, in the form of ip -j.
type neighbourRow struct {
	Dst     string   `json:"dst"`
	Dev     string   `json:"dev,omitempty"`
	Address string   `json:"lladdr,omitempty"`
	Router  *string  `json:"router,omitempty"`
	State   []string `json:"state"`
}

func (c *ip) neighbours() error {
	names := make(map[int]string)
	list, err := dumped(netlink.LinkList)
	if err != nil {
		return err
	}
	for _, l := range list {
		if a := l.Attrs(); c.device == "" || a.Name == c.device {
			names[a.Index] = tool.Printable(a.Name)
		}
	}
	all, err := dumped(func() ([]netlink.Neigh, error) { return netlink.NeighList(0, c.family) })
	if err != nil {
		return err
	}
	rows := []neighbourRow{}
	for _, n := range all {
		name, ok := names[n.LinkIndex]
		if !ok || n.State&netlink.NUD_NOARP != 0 || n.State == netlink.NUD_NONE {
			continue
		}
		if c.device != "" { // as iproute2, which does not repeat what was asked for
			name = ""
		}
		rows = append(rows, neighbourOf(&n, name))
	}
	return printRows(c, rows)
}

func (r *neighbourRow) text() string {
	words := []string{r.Dst}
	if r.Dev != "" {
		words = append(words, "dev", r.Dev)
	}
	if r.Address != "" {
		words = append(words, "lladdr", r.Address)
	}
	if r.Router != nil {
		words = append(words, "router")
	}
	return strings.Join(append(words, r.State...), " ")
}

func neighbourOf(n *netlink.Neigh, device string) neighbourRow {
	row := neighbourRow{Dst: n.IP.String(), Dev: device, Address: n.HardwareAddr.String(), State: []string{}}
	if n.Flags&netlink.NTF_ROUTER != 0 {
		row.Router = new(string)
	}
	for _, s := range neighbourStates {
		if n.State&s.bit != 0 {
			row.State = append(row.State, s.name)
		}
	}
	return row
}
