package plan

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/nsjoin/docker-nsjoin/pkg/printable"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// MountText returns the plan of a mount in a format.
func (p *Plan) MountText(form request.Output) (string, error) {
	if form == request.OutputJSON {
		var text strings.Builder
		enc := json.NewEncoder(&text)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		err := enc.Encode(struct {
			Target   string    `json:"target"`
			Via      string    `json:"via,omitempty"`
			Mount    *Mounting `json:"mount"`
			Steps    []Step    `json:"steps"`
			Warnings []string  `json:"warnings,omitempty"`
		}{p.Target, p.Via, p.Mounting, p.Steps, p.Warnings})
		return printable.Lines(text.String()), err
	}
	var b strings.Builder
	line := func(format string, args ...any) {
		b.WriteString(printable.Text(fmt.Sprintf(format, args...)) + "\n")
	}
	m := p.Mounting
	if m.Action == request.MountDetach {
		line("unmount %s in %s", m.Target, p.Target)
	} else {
		line("mount %s at %s in %s", m.what(), m.Target, p.Target)
	}
	if p.Via != "" {
		line("via %s", p.Via)
	}
	if m.Action != request.MountDetach {
		b.WriteString("\nmount\n")
		for _, row := range m.rows() {
			line("  %-12s %s", row[0], row[1])
		}
	}
	b.WriteString("\nsteps\n")
	for i := range p.Steps {
		line("  %2d. %s", i+1, p.Describe(i))
	}
	for i, w := range p.Warnings {
		if i == 0 {
			b.WriteString("\nwarnings\n")
		}
		line("  %s", w)
	}
	return b.String(), nil
}

// what names what is mounted.
func (m *Mounting) what() string {
	switch {
	case m.Type == request.MountTmpfs:
		return "a tmpfs"
	case m.Volume != "":
		return "volume " + m.Volume
	case m.From != "":
		return m.Source + " of " + m.From
	}
	return m.Source
}

func (m *Mounting) rows() [][2]string {
	kind := map[bool]string{true: "a directory", false: "a file"}[m.Dir]
	rows := [][2]string{{"type", string(m.Type)}}
	if m.Source != "" {
		rows = append(rows, [2]string{"source", m.Source + ", " + kind})
	}
	rows = append(rows, [2]string{"target", m.Target})
	if len(m.Make) > 0 {
		rows = append(rows, [2]string{"made", fmt.Sprintf("%s, by uid %d", strings.Join(m.Make, " "), m.Owner[0])})
	}
	rows = append(rows, [2]string{"flags", orNone(strings.Join(m.Flags, " "))})
	var options []string
	for _, o := range m.Options {
		options = append(options, o[0]+"="+o[1])
	}
	if len(options) > 0 {
		rows = append(rows, [2]string{"options", strings.Join(options, " ")})
	}
	if m.Type != request.MountTmpfs {
		rows = append(rows, [2]string{"beneath", map[bool]string{true: "mounts do not come along", false: "mounts come along"}[m.Single]})
	}
	rows = append(rows, [2]string{"propagation", m.propagation()})
	if m.MapIDs {
		rows = append(rows, [2]string{"ids", "mapped as in the container's user namespace"})
	}
	return rows
}

func (m *Mounting) propagation() string {
	if m.Slave {
		return "slave"
	}
	return "private"
}
