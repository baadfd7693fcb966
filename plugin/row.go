package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/docker/go-units"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/printable"
	"github.com/nsjoin/docker-nsjoin/pkg/survey"
)

const (
	kindColumns = "{{.Cgroup}}\t{{.IPC}}\t{{.Mnt}}\t{{.Net}}\t{{.PID}}\t{{.Time}}\t{{.User}}\t{{.UTS}}\t{{.Guests}}"
	tableFormat = "table {{.Name}}\t" + kindColumns
	wideFormat  = "table {{.ID}}\t{{.Image}}\t{{.Process}}\t{{.Processes}}\t{{.Status}}\t{{.Name}}\t" + kindColumns
)

// What is shown unless it is not to be shortened: digits of an ID, names in a cell, and characters
// of a command, as docker ps has it.
const (
	shownID      = 12
	shownNames   = 3
	shownHolders = 70
	shownCommand = 20
)

// printRows prints rows in the form that was asked for. Containers that were named are
// told of in detail unless another is.
func (o *lsOptions) printRows(out io.Writer, paint painter, l *listing, rows []*survey.Row, named bool) error {
	contexts := make([]*rowContext, len(rows))
	for i, row := range rows {
		contexts[i] = &rowContext{row: row, c: l.containers[row.ID], trunc: !o.noTrunc}
	}
	drawing := survey.Drawing{Full: o.noTrunc}
	var err error
	switch {
	case o.quiet:
		err = writeRows(out, "{{.ID}}", nil, contexts)
	case o.format == "" && named:
		err = writeDetails(out, paint, contexts)
	case o.format == "tree":
		drawing.Paint = paint.text
		_, err = io.WriteString(out, drawing.Tree(rows))
	case o.format == "mermaid":
		_, err = io.WriteString(out, drawing.Mermaid(rows))
	case o.format == "dot":
		_, err = io.WriteString(out, drawing.Dot(rows))
	case o.format == "" || o.format == "table":
		err = writeTable(out, tableFormat, paint, contexts)
	case o.format == "wide":
		err = writeTable(out, wideFormat, paint, contexts)
	default:
		err = writeRows(out, o.format, rowHeader(), contexts)
	}
	return err
}

// printHeld prints namespaces of no container behind the rows, in the same form.
func (o *lsOptions) printHeld(out io.Writer, held []survey.Unowned) error {
	switch {
	case len(held) == 0:
		return nil
	case o.format == "json":
		return writeRows(out, "json", nil, held)
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
			by = shortened(by, shownHolders)
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%s\n", u.Kind, u.Inode, u.Processes, by)
	}
	return w.Flush()
}

// holdersOf names what holds a namespace.
func holdersOf(u survey.Unowned) string {
	text := printable.Text(strings.Join(u.HeldBy, "; "))
	if u.MoreHolders > 0 {
		text += fmt.Sprintf("; …and %d more", u.MoreHolders)
	}
	return text
}

// writeTable prints one of our own tables, whose cells may have colours.
func writeTable(out io.Writer, format string, paint painter, rows []*rowContext) error {
	head := rowHeader()
	for _, name := range []string{"Cgroup", "IPC", "Mnt", "Net", "PID", "Time", "User", "UTS", "Guests"} {
		head[name] = paint.colour(colourNone, head[name])
	}
	painted := make([]paintedRow, len(rows))
	for i, row := range rows {
		painted[i] = paintedRow{row, paint}
	}
	return writeRows(out, format, head, painted)
}

// rowContext is a row as a template sees it: fields of docker ps, and one for
// each kind of namespace.
type rowContext struct {
	row   *survey.Row
	c     engine.Container
	trunc bool
}

// rowHeader has the header of each field.
func rowHeader() header {
	return header{
		"ID": "CONTAINER ID", "Name": "NAME", "Names": "NAMES", "Image": "IMAGE", "Command": "COMMAND",
		"CreatedAt": "CREATED AT", "RunningFor": "CREATED", "State": "STATE", "Status": "STATUS",
		"Labels": "LABELS", "Networks": "NETWORKS",
		"Process": "PROCESS", "StartedAt": "STARTED AT", "Processes": "PROCESSES",
		"Cgroup": "CGROUP", "IPC": "IPC", "Mnt": "MNT", "Net": "NET", "PID": "PID", "Time": "TIME",
		"User": "USER", "UTS": "UTS", "Guests": "GUESTS",
	}
}

func (c *rowContext) ID() string {
	if c.trunc {
		return c.row.ID[:min(shownID, len(c.row.ID))]
	}
	return c.row.ID
}

func (c *rowContext) Name() string       { return c.row.Name }
func (c *rowContext) Names() string      { return c.row.Name }
func (c *rowContext) Image() string      { return c.row.Image }
func (c *rowContext) State() string      { return c.c.State }
func (c *rowContext) Status() string     { return c.c.Status }
func (c *rowContext) Networks() string   { return strings.Join(c.c.Networks, ",") }
func (c *rowContext) CreatedAt() string  { return time.Unix(c.c.Created, 0).String() }
func (c *rowContext) Process() int       { return c.row.PID }
func (c *rowContext) StartedAt() string  { return c.row.Started.Format(time.RFC3339) }
func (c *rowContext) Processes() int     { return c.row.Processes }
func (c *rowContext) Guests() guestTexts { return guestTexts{guestsOf(c.row), c.row.MoreGuests} }

func (c *rowContext) RunningFor() string {
	return units.HumanDuration(time.Since(time.Unix(c.c.Created, 0))) + " ago"
}

func (c *rowContext) Command() string {
	command := c.c.Command
	if c.trunc {
		command = shortened(command, shownCommand)
	}
	return `"` + command + `"`
}

func (c *rowContext) Labels() string {
	var labels []string
	for _, key := range slices.Sorted(maps.Keys(c.c.Labels)) {
		labels = append(labels, key+"="+c.c.Labels[key])
	}
	return strings.Join(labels, ",")
}

// Label is the value of one label, by its name.
func (c *rowContext) Label(name string) string { return c.c.Labels[name] }

func (c *rowContext) Cgroup() string { return c.cell(ns.Cgroup) }
func (c *rowContext) IPC() string    { return c.cell(ns.IPC) }
func (c *rowContext) Mnt() string    { return c.cell(ns.Mnt) }
func (c *rowContext) Net() string    { return c.cell(ns.Net) }
func (c *rowContext) PID() string    { return c.cell(ns.PID) }
func (c *rowContext) Time() string   { return c.cell(ns.Time) }
func (c *rowContext) User() string   { return c.cell(ns.User) }
func (c *rowContext) UTS() string    { return c.cell(ns.UTS) }

func (c *rowContext) cell(k ns.Kind) string {
	n := c.row.Namespaces[k]
	more := len(n.With) - shownNames
	if !c.trunc || more <= 0 {
		return n.String()
	}
	n.With = n.With[:shownNames]
	return fmt.Sprintf("%s,+%d", n, more)
}

// paintedRow is a row of our own tables, whose cells may have colours.
type paintedRow struct {
	*rowContext
	paint painter
}

func (p paintedRow) Cgroup() painted { return p.cell(ns.Cgroup) }
func (p paintedRow) IPC() painted    { return p.cell(ns.IPC) }
func (p paintedRow) Mnt() painted    { return p.cell(ns.Mnt) }
func (p paintedRow) Net() painted    { return p.cell(ns.Net) }
func (p paintedRow) PID() painted    { return p.cell(ns.PID) }
func (p paintedRow) Time() painted   { return p.cell(ns.Time) }
func (p paintedRow) User() painted   { return p.cell(ns.User) }
func (p paintedRow) UTS() painted    { return p.cell(ns.UTS) }

func (p paintedRow) cell(k ns.Kind) painted {
	return painted(p.paint.namespace(p.row.Namespaces[k], p.rowContext.cell(k)))
}

// Guests is how many there are.
func (p paintedRow) Guests() painted {
	colour := colourNone
	if len(p.row.Guests) > 0 {
		colour = colourGuest
	}
	return painted(p.paint.colour(colour, p.rowContext.Guests().String()))
}

// rowText is a row as JSON has it.
type rowText struct {
	ID, Name, Image string
	State           string
	Process         int
	StartedAt       string
	Bundle          string
	Processes       int
	Namespaces      map[string]namespaceText
	Guests          []guestText
	MoreGuests      int `json:",omitempty"` // that are not listed
}

// namespaceText is one of the namespaces; With names the containers that have it
// too.
type namespaceText struct {
	Shared    string // own, host or with
	Inode     uint64
	With      []string
	Owner     string
	Processes int
}

type guestText struct {
	PID       int
	User      string
	StartedAt string
	Command   string
	Cut       bool `json:",omitempty"` // Command is the beginning
	Kinds     []string
	From      string
}

// guestTexts is a list that a template prints as a number; More are not in it.
type guestTexts struct {
	List []guestText
	More int
}

func (g guestTexts) String() string { return strconv.Itoa(len(g.List) + g.More) }

// MarshalJSON writes all of the row, whether it is shortened elsewhere or not.
func (c *rowContext) MarshalJSON() ([]byte, error) { return json.Marshal(c.all()) }

func (c *rowContext) all() rowText {
	return rowText{
		ID: c.row.ID, Name: c.row.Name, Image: c.c.Image, State: c.c.State, Process: c.row.PID,
		StartedAt: c.StartedAt(), Bundle: c.row.Bundle, Processes: c.row.Processes,
		Namespaces: c.Namespaces(), Guests: guestsOf(c.row), MoreGuests: c.row.MoreGuests,
	}
}

// Namespaces are the row's by the names of their kinds.
func (c *rowContext) Namespaces() map[string]namespaceText {
	all := make(map[string]namespaceText)
	for _, n := range c.row.Namespaces {
		if n.Inode == 0 {
			continue
		}
		text := namespaceText{Shared: n.String(), Inode: n.Inode, With: []string{}, Owner: "host", Processes: n.Processes}
		if owner := c.row.Owner(n.Kind); owner != nil {
			text.Owner = owner.Name
		}
		for _, other := range n.With {
			text.Shared = "with"
			text.With = append(text.With, other.Name)
		}
		all[n.Kind.String()] = text
	}
	return all
}

func guestsOf(row *survey.Row) []guestText {
	texts := []guestText{}
	for _, g := range row.Guests {
		text := guestText{
			PID: g.PID, User: g.User, StartedAt: g.Started.Format(time.RFC3339),
			Command: g.Command, Cut: g.Cut, From: "host",
		}
		for _, k := range g.Kinds.Kinds() {
			text.Kinds = append(text.Kinds, k.String())
		}
		if g.From != nil {
			text.From = g.From.Name
		}
		texts = append(texts, text)
	}
	return texts
}

// userName is the name that this host has for a user, or the number.
func userName(uid uint32) string {
	number := userNumber(uid)
	if u, err := user.LookupId(number); err == nil {
		return u.Username
	}
	return number
}

func userNumber(uid uint32) string {
	if uid == 0 {
		return "root"
	}
	return strconv.FormatUint(uint64(uid), 10)
}
