package survey

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/printable"
)

// Drawing draws rows as a tree or graph. In a tree, containers that joined namespaces of another are
// on its branch.
type Drawing struct {
	// Full does not truncate commands.
	Full bool
	// Paint colours a text; nil for no colours.
	Paint func(p Part, text string) string
}

// Part says what a text in a drawing names.
type Part int

// The values of Part.
const (
	OfHost Part = iota
	OfContainer
	OfGuest
)

// shownCommand is the number of characters of a command that are shown without Full.
const shownCommand = 40

// link has the kinds that a container shares with an owner, nil for the host.
type link struct {
	owner *Row
	kinds ns.Set
}

// links returns the container's links to others, in the order of the kinds, and last to the host,
// without the kinds that Docker shares by default.
func (row *Row) links() []link {
	var links []link
	host := link{}
	for _, n := range row.Namespaces {
		owner := row.Owner(n.Kind)
		switch {
		case n.Host && !byDefault.Has(n.Kind) && n.Inode != 0:
			host.kinds |= ns.SetOf(n.Kind)
		case owner != nil && owner != row:
			i := slices.IndexFunc(links, func(l link) bool { return l.owner == owner })
			if i < 0 {
				i, links = len(links), append(links, link{owner: owner})
			}
			links[i].kinds |= ns.SetOf(n.Kind)
		}
	}
	if host.kinds != 0 {
		links = append(links, host)
	}
	return links
}

// parent returns the container on whose branch the row is drawn: the owner of its network, or else
// of another namespace. An owner is older, so there are no cycles.
func (row *Row) parent() *Row {
	for _, k := range append([]ns.Kind{ns.Net, ns.PID, ns.IPC}, ns.Kinds()...) {
		if owner := row.Owner(k); owner != nil && owner != row {
			return owner
		}
	}
	return nil
}

// placed assigns each guest to one of the drawn containers: the one with most of its kinds, and among
// several the owner of one of these.
func placed(rows []*Row) map[*Row][]Guest {
	best := make(map[int]*Row)
	kinds := make(map[int]ns.Set)
	for _, row := range rows {
		for _, g := range row.Guests {
			now, before := len(g.Kinds.Kinds()), len(kinds[g.PID].Kinds())
			if now > before || now == before && row.owns(g.Kinds) {
				best[g.PID], kinds[g.PID] = row, g.Kinds
			}
		}
	}
	at := make(map[*Row][]Guest)
	for _, row := range rows {
		for _, g := range row.Guests {
			if best[g.PID] == row {
				at[row] = append(at[row], g)
			}
		}
	}
	return at
}

// owns reports whether the row is the owner of one of the kinds.
func (row *Row) owns(kinds ns.Set) bool {
	return slices.ContainsFunc(kinds.Kinds(), func(k ns.Kind) bool { return row.Owner(k) == row })
}

// Tree draws the rows as a tree with the host as its root.
func (d Drawing) Tree(rows []*Row) string {
	var b strings.Builder
	children := make(map[*Row][]*Row)
	for _, row := range rows {
		parent := row.parent()
		if !slices.Contains(rows, parent) {
			parent = nil
		}
		children[parent] = append(children[parent], row)
	}
	b.WriteString(d.paint(OfHost, "host") + "\n")
	d.branch(&b, "", nil, children, placed(rows))
	return b.String()
}

func (d Drawing) branch(b *strings.Builder, indent string, of *Row, children map[*Row][]*Row, guests map[*Row][]Guest) {
	byName := func(a, b *Row) int { return cmp.Compare(a.Name, b.Name) }
	rows := slices.SortedFunc(slices.Values(children[of]), byName)
	last := len(rows) + len(guests[of]) - 1
	if of != nil && of.MoreGuests > 0 {
		last++
	}
	fork := func(i int) (string, string) {
		if i == last {
			return indent + "└── ", indent + "    "
		}
		return indent + "├── ", indent + "│   "
	}
	for i, row := range rows {
		at, inner := fork(i)
		fmt.Fprintf(b, "%s%s (%s)", at, d.paint(OfContainer, row.Name), printable.Text(row.Image))
		separator := ": "
		for _, l := range row.links() {
			of := d.paint(OfHost, "the host")
			if l.owner != nil {
				of = d.paint(OfContainer, l.owner.Name)
			}
			fmt.Fprintf(b, "%s%s of %s", separator, words(l.kinds), of)
			separator = "; "
		}
		b.WriteString("\n")
		d.branch(b, inner, row, children, guests)
	}
	for i, g := range guests[of] {
		at, _ := fork(len(rows) + i)
		fmt.Fprintf(b, "%s%s %d %s (%s, %s): %s\n", at, d.paint(OfGuest, "guest"), g.PID,
			printable.Text(d.command(g)), printable.Text(g.User), printable.Text(from(g)), words(g.Kinds))
	}
	if of != nil && of.MoreGuests > 0 {
		at, _ := fork(last)
		fmt.Fprintf(b, "%s%s\n", at, d.paint(OfGuest, more(of.MoreGuests)))
	}
}

// mermaidText replaces characters that end a text in Mermaid or are markup there with entity
// codes.
var mermaidText = strings.NewReplacer("#", "#35;", "&", "#amp;", `"`, "#quot;", "<", "#lt;", ">", "#gt;", "`", "#96;", `\`, "#92;")

// Mermaid draws the rows as a Mermaid flowchart, https://mermaid.js.org.
func (d Drawing) Mermaid(rows []*Row) string {
	quote := func(lines ...string) string {
		for i, line := range lines {
			lines[i] = mermaidText.Replace(printable.Text(line))
		}
		return `"` + strings.Join(lines, "<br/>") + `"`
	}
	return d.graph(rows, graph{
		begin:     "flowchart LR\n",
		host:      "  host([host])\n",
		container: func(id string, r *Row) string { return fmt.Sprintf("  %s[%s]\n", id, quote(r.Name, r.Image)) },
		guest: func(id string, g Guest) string {
			return fmt.Sprintf("  %s>%s]\n", id, quote(fmt.Sprintf("%d %s", g.PID, d.command(g)), g.User+", "+from(g)))
		},
		more:   func(id string, n int) string { return fmt.Sprintf("  %s>%s]\n", id, quote(more(n))) },
		shares: func(a, b, kinds string) string { return fmt.Sprintf("  %s -- %s --> %s\n", a, quote(kinds), b) },
		visits: func(a, b, kinds string) string { return fmt.Sprintf("  %s -. %s .-> %s\n", a, quote(kinds), b) },
	})
}

// Dot draws the rows as a Graphviz graph, https://graphviz.org/doc/info/lang.html.
func (d Drawing) Dot(rows []*Row) string {
	quote := func(lines ...string) string {
		for i, line := range lines {
			lines[i] = strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(printable.Text(line))
		}
		return `"` + strings.Join(lines, `\n`) + `"`
	}
	return d.graph(rows, graph{
		begin:     "digraph nsjoin {\n  rankdir=LR\n  node [shape=box]\n",
		host:      "  host [shape=ellipse]\n",
		container: func(id string, r *Row) string { return fmt.Sprintf("  %s [label=%s]\n", id, quote(r.Name, r.Image)) },
		guest: func(id string, g Guest) string {
			return fmt.Sprintf("  %s [shape=note label=%s]\n", id, quote(fmt.Sprintf("%d %s", g.PID, d.command(g)), g.User+", "+from(g)))
		},
		more:   func(id string, n int) string { return fmt.Sprintf("  %s [shape=note label=%s]\n", id, quote(more(n))) },
		shares: func(a, b, kinds string) string { return fmt.Sprintf("  %s -> %s [label=%s]\n", a, b, quote(kinds)) },
		visits: func(a, b, kinds string) string {
			return fmt.Sprintf("  %s -> %s [label=%s style=dashed]\n", a, b, quote(kinds))
		},
		end: "}\n",
	})
}

// graph is the syntax of a graph language. Its nodes are host; c1, c2, … for containers; g and
// the pid for guests; mc1 for the guests of c1 that are not listed.
type graph struct {
	begin, host, end string
	container        func(id string, r *Row) string
	guest            func(id string, g Guest) string
	more             func(id string, n int) string
	shares, visits   func(a, b, kinds string) string
}

func (d Drawing) graph(rows []*Row, in graph) string {
	var nodes, edges strings.Builder
	ids := map[*Row]string{nil: "host"}
	for i, row := range rows {
		ids[row] = fmt.Sprintf("c%d", i+1)
		nodes.WriteString(in.container(ids[row], row))
	}
	host := ""
	guests := placed(rows)
	for _, row := range rows {
		for _, l := range row.links() {
			if l.owner == nil {
				host = in.host
			} else if ids[l.owner] == "" {
				continue // not drawn
			}
			edges.WriteString(in.shares(ids[row], ids[l.owner], words(l.kinds)))
		}
		for _, g := range guests[row] {
			id := fmt.Sprintf("g%d", g.PID)
			nodes.WriteString(in.guest(id, g))
			edges.WriteString(in.visits(id, ids[row], words(g.Kinds)))
		}
		if row.MoreGuests > 0 {
			id := "m" + ids[row]
			nodes.WriteString(in.more(id, row.MoreGuests))
			edges.WriteString(in.visits(id, ids[row], "guests"))
		}
	}
	return in.begin + host + nodes.String() + edges.String() + in.end
}

func (d Drawing) paint(p Part, text string) string {
	text = printable.Text(text)
	if d.Paint == nil {
		return text
	}
	return d.Paint(p, text)
}

// command returns a guest's command, truncated unless Full.
func (d Drawing) command(g Guest) string {
	if runes := []rune(g.Command); !d.Full && len(runes) > shownCommand {
		return string(runes[:shownCommand-1]) + "…"
	}
	return shown(g.Command, g.Cut)
}

// more says how many guests are not listed.
func more(n int) string { return fmt.Sprintf("…and %d more guests", n) }

func from(g Guest) string {
	if g.From == nil {
		return "from the host"
	}
	return "from " + g.From.Name
}

func words(kinds ns.Set) string { return strings.ReplaceAll(kinds.String(), ",", ", ") }
