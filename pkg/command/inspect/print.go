package inspect

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/formatter"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/printable"
	"github.com/nsjoin/docker-nsjoin/pkg/row"
	"github.com/nsjoin/docker-nsjoin/pkg/survey"
)

// inspection is what inspect prints about a container.
type inspection struct {
	row.Record
	Identity plan.Identity // of a command in it

	row *row.Row
}

func newInspection(r *survey.Row, c engine.Container, identity plan.Identity) inspection {
	all := row.New(r, c, false)
	return inspection{Record: row.RecordOf(all), Identity: identity, row: all}
}

// write prints inspections in a format: text, json or a Go template.
func write(out io.Writer, format string, inspections []inspection) error {
	switch format {
	case "text":
		for i, c := range inspections {
			if i > 0 {
				fmt.Fprintln(out)
			}
			c.write(out, row.StdoutPainter())
		}
		return nil
	case "json":
		var text strings.Builder
		enc := json.NewEncoder(&text)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "    ")
		if err := enc.Encode(inspections); err != nil { // a list, as docker inspect prints it
			return err
		}
		_, err := io.WriteString(out, printable.Lines(text.String()))
		return err
	}
	return formatter.Write(out, format, nil, inspections)
}

func (c inspection) write(out io.Writer, paint row.Painter) {
	_ = row.WriteDetails(out, paint, []*row.Row{c.row})
	w := tabwriter.NewWriter(out, 0, 1, 3, ' ', 0)
	fmt.Fprintf(w, "\nbundle\t%s\n", printable.Text(c.Bundle))
	for _, row := range groupsAsOne(c.Identity.Rows()) {
		fmt.Fprintf(w, "%s\t%s\n", row[0], printable.Text(row[1]))
	}
	_ = w.Flush()
}

// groupsAsOne puts the hierarchies of cgroup v1 that have the same path on one line.
func groupsAsOne(rows [][2]string) [][2]string {
	var merged [][2]string
	for _, row := range rows {
		hierarchy, path, _ := strings.Cut(row[1], ":")
		if n := len(merged) - 1; n >= 0 && row[0] == "cgroup" && merged[n][0] == "cgroup" {
			if before, same := strings.CutSuffix(merged[n][1], ":"+path); same {
				merged[n][1] = before + "," + hierarchy + ":" + path
				continue
			}
		}
		merged = append(merged, row)
	}
	return merged
}
