package row

import (
	"io"

	"github.com/nsjoin/docker-nsjoin/pkg/formatter"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
)

// WriteTable prints rows as one of docker nsjoin's own tables, whose cells may have colours.
func WriteTable(out io.Writer, format string, paint Painter, rows []*Row) error {
	head := Header()
	for _, name := range []string{"Cgroup", "IPC", "Mnt", "Net", "PID", "Time", "User", "UTS", "Guests"} {
		head[name] = paint.colour(colourNone, head[name])
	}
	painted := make([]paintedRow, len(rows))
	for i, row := range rows {
		painted[i] = paintedRow{row, paint}
	}
	return formatter.Write(out, format, head, painted)
}

// paintedRow is a row of WriteTable.
type paintedRow struct {
	*Row
	paint Painter
}

func (p paintedRow) Cgroup() formatter.Painted { return p.cell(ns.Cgroup) }
func (p paintedRow) IPC() formatter.Painted    { return p.cell(ns.IPC) }
func (p paintedRow) Mnt() formatter.Painted    { return p.cell(ns.Mnt) }
func (p paintedRow) Net() formatter.Painted    { return p.cell(ns.Net) }
func (p paintedRow) PID() formatter.Painted    { return p.cell(ns.PID) }
func (p paintedRow) Time() formatter.Painted   { return p.cell(ns.Time) }
func (p paintedRow) User() formatter.Painted   { return p.cell(ns.User) }
func (p paintedRow) UTS() formatter.Painted    { return p.cell(ns.UTS) }

func (p paintedRow) cell(k ns.Kind) formatter.Painted {
	return formatter.Painted(p.paint.namespace(p.row.Namespaces[k], p.Row.cell(k)))
}

// Guests returns their number.
func (p paintedRow) Guests() formatter.Painted {
	colour := colourNone
	if len(p.row.Guests) > 0 {
		colour = colourGuest
	}
	return formatter.Painted(p.paint.colour(colour, p.Row.Guests().String()))
}
