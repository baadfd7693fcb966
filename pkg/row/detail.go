package row

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/printable"
	"github.com/nsjoin/docker-nsjoin/pkg/survey"
)

// WriteDetails prints everything that is known about each row, including which containers share each
// namespace, and the guests.
func WriteDetails(out io.Writer, paint Painter, rows []*Row) error {
	for i, r := range rows {
		if i > 0 {
			fmt.Fprintln(out)
		}
		if err := r.writeDetail(out, paint); err != nil {
			return err
		}
	}
	return nil
}

func (r *Row) writeDetail(out io.Writer, paint Painter) error {
	row := r.row
	fmt.Fprintf(out, "%s (%s) %s\n", paint.Text(survey.OfContainer, row.Name), printable.Text(row.Image), r.ID())
	fmt.Fprintf(out, "process %d since %s, %s in all its namespaces\n\n", row.PID, moment(row.Started), countOf(row.Processes))
	w := tabwriter.NewWriter(out, 0, 1, 3, ' ', 0)
	fmt.Fprintln(w, "KIND\tNAMESPACE\tPROCESSES\tWHOSE")
	for _, n := range row.Namespaces {
		if n.Inode != 0 {
			fmt.Fprintf(w, "%s\t%d\t%d\t%s\n", n.Kind, n.Inode, n.Processes, paint.namespace(n, n.String()))
		}
	}
	if len(row.Guests) > 0 {
		if err := w.Flush(); err != nil {
			return err
		}
		fmt.Fprintf(w, "\n%s\tUSER\tSTARTED\tFROM\tKINDS\tCOMMAND\n", paint.Text(survey.OfGuest, "GUEST"))
	}
	for _, g := range row.Guests {
		from := "host"
		if g.From != nil {
			from = g.From.Name
		}
		command := g.Command
		if g.Cut {
			command += "…"
		}
		if r.truncate {
			command = Shorten(command, 60)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", paint.Text(survey.OfGuest, fmt.Sprint(g.PID)), printable.Text(g.User),
			moment(g.Started), printable.Text(from), g.Kinds, printable.Text(command))
	}
	if row.MoreGuests > 0 {
		fmt.Fprintf(w, "…and %d more guests\n", row.MoreGuests)
	}
	if len(row.Mounts) > 0 {
		if err := w.Flush(); err != nil {
			return err
		}
		fmt.Fprintln(w, "\nMOUNT\tSOURCE\tOPTIONS\tSINCE\tBY")
	}
	for _, m := range row.Mounts {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", printable.Text(m.Target), printable.Text(m.Source), printable.Text(m.Options),
			moment(time.Unix(m.Time, 0)), printable.Text("docker nsjoin, "+m.By))
	}
	return w.Flush()
}

func moment(t time.Time) string { return t.Local().Format(time.DateTime) }

func countOf(n int) string {
	if n == 1 {
		return "1 process"
	}
	return fmt.Sprintf("%d processes", n)
}
