package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/moby/term"

	"github.com/nsjoin/docker-nsjoin/pkg/printable"
	"github.com/nsjoin/docker-nsjoin/pkg/survey"
)

// writeDetails prints all that is known of each row: whose each namespace is, and
// who the guests are.
func writeDetails(out io.Writer, paint painter, rows []*rowContext) error {
	for i, c := range rows {
		if i > 0 {
			fmt.Fprintln(out)
		}
		if err := c.writeDetail(out, paint); err != nil {
			return err
		}
	}
	return nil
}

func (c *rowContext) writeDetail(out io.Writer, paint painter) error {
	row := c.row
	fmt.Fprintf(out, "%s (%s) %s\n", paint.text(survey.OfContainer, row.Name), printable.Text(row.Image), c.ID())
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
		fmt.Fprintf(w, "\n%s\tUSER\tSTARTED\tFROM\tKINDS\tCOMMAND\n", paint.text(survey.OfGuest, "GUEST"))
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
		if c.trunc {
			command = shortened(command, 60)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", paint.text(survey.OfGuest, fmt.Sprint(g.PID)), printable.Text(g.User),
			moment(g.Started), printable.Text(from), g.Kinds, printable.Text(command))
	}
	if row.MoreGuests > 0 {
		fmt.Fprintf(w, "…and %d more guests\n", row.MoreGuests)
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

func shortened(text string, length int) string {
	if runes := []rune(text); len(runes) > length {
		return string(runes[:length-1]) + "…"
	}
	return text
}

// painter gives colours, on a terminal of a user who wants them.
type painter bool

// stdoutPainter paints on a terminal, unless its user wants none: https://no-color.org
func stdoutPainter() painter {
	return painter(term.IsTerminal(os.Stdout.Fd()) && os.Getenv("NO_COLOR") == "")
}

// Colours of a terminal. All take the same room, so that columns stay straight: a
// cell without one takes the terminal's own.
const (
	colourNone   = 39
	colourHost   = 33
	colourShared = 36
	colourGuest  = 31
)

func (p painter) colour(number int, text string) string {
	text = printable.Text(text)
	if !p {
		return text
	}
	return fmt.Sprintf("\x1b[%dm%s\x1b[39m", number, text)
}

func (p painter) text(part survey.Part, text string) string {
	return p.colour(map[survey.Part]int{
		survey.OfHost: colourHost, survey.OfContainer: colourShared, survey.OfGuest: colourGuest,
	}[part], text)
}

// namespace paints what is said of a namespace.
func (p painter) namespace(n survey.Namespace, text string) string {
	switch {
	case n.Host && strings.Contains("mnt net pid ipc uts", n.Kind.String()):
		return p.colour(colourHost, text)
	case len(n.With) > 0:
		return p.colour(colourShared, text)
	}
	return p.colour(colourNone, text)
}
