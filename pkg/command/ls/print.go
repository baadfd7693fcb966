package ls

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/nsjoin/docker-nsjoin/pkg/formatter"
	"github.com/nsjoin/docker-nsjoin/pkg/listing"
	"github.com/nsjoin/docker-nsjoin/pkg/printable"
	"github.com/nsjoin/docker-nsjoin/pkg/row"
	"github.com/nsjoin/docker-nsjoin/pkg/survey"
)

const (
	kindColumns = "{{.Cgroup}}\t{{.IPC}}\t{{.Mnt}}\t{{.Net}}\t{{.PID}}\t{{.Time}}\t{{.User}}\t{{.UTS}}\t{{.Guests}}"
	tableFormat = "table {{.Name}}\t" + kindColumns
	wideFormat  = "table {{.ID}}\t{{.Image}}\t{{.Process}}\t{{.Processes}}\t{{.Status}}\t{{.Name}}\t" + kindColumns
)

// shownHolders is how many characters of a namespace's holders are shown without --no-trunc.
const shownHolders = 70

// printRows prints rows in the form of --format. Without it, containers that were named are printed in
// detail.
func (o *options) printRows(out io.Writer, paint row.Painter, list *listing.List, rows []*survey.Row, named bool) error {
	printed := make([]*row.Row, len(rows))
	for i, r := range rows {
		printed[i] = row.New(r, list.Containers[r.ID], !o.noTrunc)
	}
	mounts := ""
	if slices.ContainsFunc(rows, func(r *survey.Row) bool { return len(r.Mounts) > 0 }) {
		mounts = "\t{{.Mounts}}" // few containers have any
	}
	drawing := survey.Drawing{Full: o.noTrunc}
	var err error
	switch {
	case o.quiet:
		err = formatter.Write(out, "{{.ID}}", nil, printed)
	case o.format == "" && named:
		err = row.WriteDetails(out, paint, printed)
	case o.format == "tree":
		drawing.Paint = paint.Text
		_, err = io.WriteString(out, drawing.Tree(rows))
	case o.format == "mermaid":
		_, err = io.WriteString(out, drawing.Mermaid(rows))
	case o.format == "dot":
		_, err = io.WriteString(out, drawing.Dot(rows))
	case o.format == "" || o.format == "table":
		err = row.WriteTable(out, tableFormat+mounts, paint, printed)
	case o.format == "wide":
		err = row.WriteTable(out, wideFormat+mounts, paint, printed)
	default:
		err = formatter.Write(out, o.format, row.Header(), printed)
	}
	return err
}

// printHeld prints the namespaces that belong to no container. They follow the rows, in the same form.
func (o *options) printHeld(out io.Writer, held []survey.Unowned) error {
	switch {
	case len(held) == 0:
		return nil
	case o.format == "json":
		return formatter.Write(out, "json", nil, held)
	case o.format == "tree":
		fmt.Fprintln(out, "of no container")
		for i, u := range held {
			fork := "├──"
			if i == len(held)-1 {
				fork = "└──"
			}
			fmt.Fprintf(out, "%s %s %d: %s\n", fork, u.Kind, u.Inode, holdersOf(u))
		}
		return nil
	}
	fmt.Fprintln(out)
	w := tabwriter.NewWriter(out, 10, 1, 3, ' ', 0)
	fmt.Fprintln(w, "KIND\tNAMESPACE\tPROCESSES\tHELD BY")
	for _, u := range held {
		by := holdersOf(u)
		if !o.noTrunc {
			by = row.Shorten(by, shownHolders)
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%s\n", u.Kind, u.Inode, u.Processes, by)
	}
	return w.Flush()
}

// holdersOf names a namespace's holders.
func holdersOf(u survey.Unowned) string {
	text := printable.Text(strings.Join(u.HeldBy, "; "))
	if u.MoreHolders > 0 {
		text += fmt.Sprintf("; …and %d more", u.MoreHolders)
	}
	return text
}
