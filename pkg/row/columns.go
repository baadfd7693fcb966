// Package row prints a container and the containers that share its namespaces: as a row of a table or of a
// template, in detail, and as JSON.
package row

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/docker/go-units"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/formatter"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/survey"
)

// Row is a container as a template sees it.
type Row struct{ columns }

// New makes a row from what a survey and the engine report about a container. truncate shortens the output.
func New(row *survey.Row, c engine.Container, truncate bool) *Row {
	return &Row{columns{row: row, container: c, truncate: truncate}}
}

// columns has a method for each column: fields of docker ps, and one for each kind of namespace. A new
// column is a method and a header.
type columns struct {
	row       *survey.Row
	container engine.Container
	truncate  bool
}

// Header returns the headers of the columns.
func Header() formatter.Header {
	return formatter.Header{
		"ID": "CONTAINER ID", "Name": "NAME", "Names": "NAMES", "Image": "IMAGE", "Command": "COMMAND",
		"CreatedAt": "CREATED AT", "RunningFor": "CREATED", "State": "STATE", "Status": "STATUS",
		"Labels": "LABELS", "Networks": "NETWORKS",
		"Process": "PROCESS", "StartedAt": "STARTED AT", "Processes": "PROCESSES",
		"Cgroup": "CGROUP", "IPC": "IPC", "Mnt": "MNT", "Net": "NET", "PID": "PID", "Time": "TIME",
		"User": "USER", "UTS": "UTS", "Guests": "GUESTS", "Mounts": "MOUNTS",
	}
}

// Limits for shortened columns: the number of containers that share a namespace, the length of a command.
const (
	shownNames   = 3
	shownCommand = 20
)

func (r *columns) ID() string {
	if r.truncate {
		return engine.ShortID(r.row.ID)
	}
	return r.row.ID
}

func (r *columns) Name() string      { return r.row.Name }
func (r *columns) Names() string     { return r.row.Name }
func (r *columns) Image() string     { return r.row.Image }
func (r *columns) State() string     { return r.container.State }
func (r *columns) Status() string    { return r.container.Status }
func (r *columns) Networks() string  { return strings.Join(r.container.Networks, ",") }
func (r *columns) CreatedAt() string { return time.Unix(r.container.Created, 0).String() }
func (r *columns) Process() int      { return r.row.PID }
func (r *columns) StartedAt() string { return r.row.Started.Format(time.RFC3339) }
func (r *columns) Processes() int    { return r.row.Processes }
func (r *columns) Guests() Guests    { return Guests{guestsOf(r.row), r.row.MoreGuests} }

func (r *columns) Mounts() Mounts { return mountsOf(r.row) }

func (r *columns) RunningFor() string {
	return units.HumanDuration(time.Since(time.Unix(r.container.Created, 0))) + " ago"
}

func (r *columns) Command() string {
	command := r.container.Command
	if r.truncate {
		command = Shorten(command, shownCommand)
	}
	return `"` + command + `"`
}

func (r *columns) Labels() string {
	var labels []string
	for _, key := range slices.Sorted(maps.Keys(r.container.Labels)) {
		labels = append(labels, key+"="+r.container.Labels[key])
	}
	return strings.Join(labels, ",")
}

// Label returns the value of a label.
func (r *columns) Label(name string) string { return r.container.Labels[name] }

func (r *columns) Cgroup() string { return r.cell(ns.Cgroup) }
func (r *columns) IPC() string    { return r.cell(ns.IPC) }
func (r *columns) Mnt() string    { return r.cell(ns.Mnt) }
func (r *columns) Net() string    { return r.cell(ns.Net) }
func (r *columns) PID() string    { return r.cell(ns.PID) }
func (r *columns) Time() string   { return r.cell(ns.Time) }
func (r *columns) User() string   { return r.cell(ns.User) }
func (r *columns) UTS() string    { return r.cell(ns.UTS) }

func (r *columns) cell(k ns.Kind) string {
	n := r.row.Namespaces[k]
	more := len(n.With) - shownNames
	if !r.truncate || more <= 0 {
		return n.String()
	}
	n.With = n.With[:shownNames]
	return fmt.Sprintf("%s,+%d", n, more)
}

// Shorten cuts a text to a length in characters.
func Shorten(text string, length int) string {
	if runes := []rune(text); len(runes) > length {
		return string(runes[:length-1]) + "…"
	}
	return text
}
