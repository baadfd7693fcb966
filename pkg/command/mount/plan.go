package mount

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/nsjoin/docker-nsjoin/pkg/mounts"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/printable"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// planText returns a plan in a format of --dry-run.
func planText(p mounts.Plan, form request.Output) (string, error) {
	if form == request.OutputJSON {
		p.Described = nil
		var text strings.Builder
		enc := json.NewEncoder(&text)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		err := enc.Encode(p)
		return printable.Lines(text.String()), err
	}
	var m plan.Mounting
	if err := json.Unmarshal(p.Mount, &m); err != nil {
		return "", fmt.Errorf("read the plan: %w", err)
	}
	var b strings.Builder
	line := func(format string, args ...any) {
		b.WriteString(printable.Text(fmt.Sprintf(format, args...)) + "\n")
	}
	if m.Action == request.MountDetach {
		line("unmount %s in %s", m.Target, p.Target)
	} else {
		line("mount %s at %s in %s", m.What(), m.Target, p.Target)
	}
	if p.Via != "" {
		line("via %s", p.Via)
	}
	if m.Action != request.MountDetach {
		b.WriteString("\nmount\n")
		for _, row := range rows(&m) {
			line("  %-12s %s", row[0], row[1])
		}
	}
	b.WriteString("\nsteps\n")
	for i, text := range p.Described {
		line("  %2d. %s", i+1, text)
	}
	for i, w := range p.Warnings {
		if i == 0 {
			b.WriteString("\nwarnings\n")
		}
		line("  %s", w)
	}
	return b.String(), nil
}

// rows describe the mount.
func rows(m *plan.Mounting) [][2]string {
	rows := [][2]string{{"type", string(m.Type)}}
	if m.Source != "" {
		rows = append(rows, [2]string{"source", m.Source + ", " + map[bool]string{true: "a directory", false: "a file"}[m.Dir]})
	}
	rows = append(rows, [2]string{"target", m.Target})
	if len(m.Make) > 0 {
		rows = append(rows, [2]string{"made", fmt.Sprintf("%s, by uid %d", strings.Join(m.Make, " "), m.Owner[0])})
	}
	if len(m.Adopt) > 0 {
		rows = append(rows, [2]string{"owner", fmt.Sprintf("uid %d, gid %d, mode %04o, as the target has", m.Adopt[0], m.Adopt[1], m.Adopt[2])})
	}
	flags := "none"
	if len(m.Flags) > 0 {
		flags = strings.Join(m.Flags, " ")
	}
	rows = append(rows, [2]string{"flags", flags})
	var options []string
	for _, o := range m.Options {
		options = append(options, request.MountOption(o))
	}
	if len(options) > 0 {
		rows = append(rows, [2]string{"options", strings.Join(options, " ")})
	}
	if m.Type == request.MountBind {
		rows = append(rows, [2]string{"beneath", map[bool]string{true: "mounts do not come along", false: "mounts come along"}[m.Single]})
	}
	rows = append(rows, [2]string{"propagation", m.Propagation()})
	if len(m.Map) == 2 { //nolint:mnd // a user and a group
		rows = append(rows, [2]string{"ids", fmt.Sprintf("uid %d and gid %d appear as the container's root", m.Map[0].Inside, m.Map[1].Inside)})
	}
	return rows
}
