package standin

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/docker/docker/api/types/mount"
	"github.com/docker/go-units"

	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/printable"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// printed is a plan as JSON.
type printed struct {
	Target  string          `json:"target"`
	Via     string          `json:"via"`
	Command []string        `json:"command"`
	Profile request.Profile `json:"profile,omitempty"`
	Copy    printedCopy     `json:"copy"`
	Steps   []string        `json:"steps"`
}

type printedCopy struct {
	Of       string         `json:"of"` // container or image
	State    string         `json:"state,omitempty"`
	Changes  int64          `json:"changes,omitempty"` // in bytes
	User     string         `json:"user"`
	Dir      string         `json:"dir"`
	Network  string         `json:"network"`
	CapAdd   []string       `json:"capAdd,omitempty"`
	CapDrop  []string       `json:"capDrop,omitempty"`
	Security []string       `json:"securityOpt,omitempty"`
	Mounts   []printedMount `json:"mounts,omitempty"`
	LeftOut  []string       `json:"leftOut,omitempty"`
}

type printedMount struct {
	Type     mount.Type `json:"type"`
	Source   string     `json:"source,omitempty"`
	Target   string     `json:"target"`
	ReadOnly bool       `json:"readOnly,omitempty"`
}

// Print writes, for --dry-run of r, what would be made. The namespaces and the identity of the command are read from the
// copy's first process, so they are not known.
func (p *Plan) Print(w io.Writer, r *request.Request) error {
	if r.DryRun != request.OutputJSON {
		_, err := io.WriteString(w, p.text(r))
		return err
	}
	shown := printed{
		Target: p.Name, Via: r.Via, Command: r.Command, Profile: r.Profile, Steps: p.steps(r),
		Copy: printedCopy{
			Of: "container", State: p.State, Changes: p.changes, User: p.user, Dir: p.dir, Network: string(p.host.NetworkMode),
			CapAdd: p.host.CapAdd, CapDrop: p.host.CapDrop, Security: p.host.SecurityOpt, LeftOut: p.LeftOut,
		},
	}
	if p.IsImage {
		shown.Copy.Of = "image"
	}
	for _, m := range p.host.Mounts {
		shown.Copy.Mounts = append(shown.Copy.Mounts, printedMount{m.Type, m.Source, m.Target, m.ReadOnly})
	}
	var text strings.Builder
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(shown); err != nil {
		return err
	}
	_, err := io.WriteString(w, printable.Lines(text.String()))
	return err
}

func (p *Plan) text(r *request.Request) string {
	var b strings.Builder
	// Escaped: a value that the container chose adds no line and no terminal control sequence.
	line := func(format string, args ...any) {
		b.WriteString(printable.Text(fmt.Sprintf(format, args...)) + "\n")
	}
	quoted := make([]string, len(r.Command))
	for i, word := range r.Command {
		quoted[i] = plan.QuoteArg(word)
	}
	line("run %s in %s", strings.Join(quoted, " "), p.what())
	line("via %s", r.Via)
	b.WriteString("\ncopy\n")
	for _, row := range p.rows(r) {
		line("  %-12s %s", row[0], row[1])
	}
	b.WriteString("\nsteps\n")
	for i, step := range p.steps(r) {
		line("  %2d. %s", i+1, step)
	}
	return b.String()
}

// rows returns what the copy has, as pairs of a name and its value.
func (p *Plan) rows(r *request.Request) [][2]string {
	of := "an image"
	if !p.IsImage {
		of = fmt.Sprintf("a container that is %s, with its changes (%s)", p.State, units.HumanSize(float64(p.changes)))
	}
	rows := [][2]string{{"of", of}, {"user", p.user}, {"directory", p.dir}}
	rows = append(rows, [2]string{"network", string(p.host.NetworkMode)})
	for _, row := range []struct {
		name   string
		values []string
	}{{"cap-add", p.host.CapAdd}, {"cap-drop", p.host.CapDrop}, {"security", p.host.SecurityOpt}} {
		if len(row.values) > 0 {
			rows = append(rows, [2]string{row.name, strings.Join(row.values, " ")})
		}
	}
	if r.Profile.Adds() {
		rows = append(rows, [2]string{"profile", r.Profile.Describe()})
	}
	for _, m := range p.host.Mounts {
		rows = append(rows, [2]string{plan.QuoteArg(m.Target), describeMount(m)})
	}
	for _, what := range p.LeftOut {
		rows = append(rows, [2]string{"left out", what})
	}
	return rows
}

// steps returns what would be done.
func (p *Plan) steps(r *request.Request) []string {
	steps := []string{"create a container of the image, without ports, restart policy, labels, health check and log"}
	if !p.IsImage {
		steps = []string{
			"commit " + p.Name + " to an image, without a pause",
			"create a container of that image, without ports, restart policy, labels, health check and log",
		}
	}
	for _, m := range p.host.Mounts {
		if m.Type == mount.TypeBind {
			steps = append(steps, "leave out the bind mounts whose source is gone, or is a socket, a device or a FIFO")
			break
		}
	}
	steps = append(steps, "put the helper into it, and start it with the helper as its first process, which only waits")
	if r.View != nil {
		steps = append(steps, "mount the view with the tools, for the command alone")
	}
	return append(steps, "run the command in it", "remove all that was made")
}
