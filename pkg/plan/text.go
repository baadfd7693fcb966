package plan

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/printable"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// Print writes the plan as text or JSON.
func (p *Plan) Print(w io.Writer, form request.Output) error {
	if form == request.OutputJSON {
		var text strings.Builder
		enc := json.NewEncoder(&text)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		if err := enc.Encode(p); err != nil {
			return err
		}
		_, err := io.WriteString(w, printable.Lines(text.String()))
		return err
	}
	_, err := io.WriteString(w, p.String())
	return err
}

// PrintAll writes several plans: as text one after another, as JSON in one list.
func PrintAll(w io.Writer, form request.Output, plans []*Plan) error {
	for i, p := range plans {
		if form == request.OutputJSON {
			before := ","
			if i == 0 {
				before = "["
			}
			if _, err := io.WriteString(w, before); err != nil {
				return err
			}
		} else if i > 0 {
			if _, err := io.WriteString(w, "\n"); err != nil {
				return err
			}
		}
		if err := p.Print(w, form); err != nil {
			return err
		}
	}
	if form != request.OutputJSON {
		return nil
	}
	_, err := io.WriteString(w, "]\n")
	return err
}

// String returns the plan as text: the command, where each namespace comes from, the command's identity, and
// the steps.
func (p *Plan) String() string {
	var b strings.Builder
	// Escaped: a value that the container chose adds no line and no terminal control sequence.
	line := func(format string, args ...any) {
		b.WriteString(printable.Text(fmt.Sprintf(format, args...)) + "\n")
	}
	line("%s", p.summary())
	if p.Via != "" {
		line("via %s", p.Via)
	}
	b.WriteString("\nnamespaces\n")
	for _, n := range p.Namespaces {
		link := n.ID.Link(n.Kind)
		if n.New && !ns.Copied(n.Kind) {
			link = ""
		}
		line("  %-7s %-20s %s", n.Kind, link, n.origin())
	}
	if p.View != nil {
		b.WriteString("\nview\n")
		for _, row := range p.viewRows() {
			line("  %-12s %s", row[0], row[1])
		}
	}
	b.WriteString("\nidentity\n")
	for _, row := range p.Identity.Rows() {
		line("  %-12s %s", row[0], row[1])
	}
	for _, row := range p.Names.rows() {
		line("  %-12s %s", row[0], row[1])
	}
	if p.Forward == nil {
		line("  %-12s %s", "streams", p.streams())
	}
	if p.Detach {
		line("  %-12s %s", "detached", "yes")
	}
	fmt.Fprintf(&b, "  %-12s %s\n", "audit", p.Audit)
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
	return b.String()
}

// streams says what the command's standard streams are.
func (p *Plan) streams() string {
	var parts []string
	switch {
	case p.InheritsStreams():
		return "the caller's own"
	case p.Terminal && p.SeparateErrors:
		parts = append(parts, "a terminal", "separate standard error")
	case p.Terminal:
		parts = append(parts, "a terminal")
	}
	if p.Detach {
		return strings.Join(append(parts, "no standard input"), ", ")
	}
	if p.Input {
		return strings.Join(append(parts, "standard input passed on"), ", ")
	}
	return strings.Join(append(parts, "no standard input (-i passes it on)"), ", ")
}

// origin says where the namespace comes from and whether it is joined.
func (n Namespace) origin() string {
	switch {
	case n.Slave:
		return "new, copied from " + n.Source + ", with slave mounts"
	case n.New && ns.Copied(n.Kind):
		return "new, copied from " + n.Source
	case n.New:
		return "new"
	case n.Join:
		return "joined from " + n.Source
	case n.Source == "host":
		return "the caller's own"
	}
	return "shared by " + n.Source + " and the caller"
}

// Rows returns the identity as pairs of a name and its value.
func (id Identity) Rows() [][2]string {
	c := id.Container
	if c == nil {
		rows := [][2]string{{"runs as", "the caller, unchanged"}}
		if id.Who == HostRoot {
			rows[0][1] = "root on the engine's host"
		}
		if id.RootOfUserNamespace {
			rows = [][2]string{{"runs as", "the caller, as root of the user namespace"}}
		}
		if id.Dir != "" {
			rows = append(rows, [2]string{"directory", id.Dir})
		}
		return append(rows, [2]string{"environment", fmt.Sprintf("%d variables", len(id.Env))})
	}
	rows := [][2]string{
		{"runs as", map[Who]string{Container: "a docker exec command", Bare: "that process"}[id.Who]},
		{"user", fmt.Sprintf("uid %d, gid %d, groups %s", c.UID, c.GID, ids(c.Groups))},
		{"directory", id.Dir},
		{"environment", fmt.Sprintf("%d variables", len(id.Env))},
		{"capabilities", orNone(strings.Join(c.Capabilities.Effective.Names(), " "))},
		{"bounding", orNone(strings.Join(c.Capabilities.Bounding.Names(), " "))},
		{"new rights", map[bool]string{true: "never (no_new_privs)", false: "by set-user-ID programs"}[c.NoNewPrivileges]},
		{"seccomp", seccompText(c.Seccomp, c.Privileged)},
	}
	if c.Profile.Adds() {
		rows = append(rows, [2]string{"profile", c.Profile.Describe()})
	}
	if label := c.AppArmor + c.SELinux; label != "" {
		rows = append(rows, [2]string{"label", label})
	}
	for _, g := range c.Cgroups {
		rows = append(rows, [2]string{"cgroup", g.text()})
	}
	return append(rows,
		[2]string{"limits", limitsText(c.Limits)},
		[2]string{"scheduling", fmt.Sprintf("%s, oom_score_adj %d", c.scheduling(), c.OOMScoreAdj)},
		[2]string{"umask", fmt.Sprintf("%04o", c.Umask)})
}

// String returns the group as in a line of /proc/PID/cgroup, without the number.
func (g Cgroup) String() string { return g.Hierarchy + ":" + g.Path }

// text says also how the command is beside a group that is frozen.
func (g Cgroup) text() string {
	switch {
	case !g.Beside:
		return g.String()
	case g.Hierarchy != "":
		return g.String() + ", not joined: it is frozen"
	}
	return g.String() + ", a new one beside it: it is frozen"
}

func seccompText(filters []FilterInfo, privileged bool) string {
	var texts []string
	for _, f := range filters {
		text := fmt.Sprintf("filter of %d instructions", f.Instructions)
		if f.Compiled {
			text += ", made from the profile"
		}
		texts = append(texts, text)
	}
	if privileged && len(texts) > 0 {
		texts = append(texts, "which --privileged does not lift")
	}
	return orNone(strings.Join(texts, ", "))
}

func limitsText(limits []Limit) string {
	var texts []string
	for _, l := range limits {
		if l.Soft != Unlimited || l.Hard != Unlimited {
			texts = append(texts, l.String())
		}
	}
	return orNone(strings.Join(texts, " "))
}

// shownIDs limits how many groups are shown: a container's /etc/group can have 65536.
const shownIDs = 32

func ids(numbers []uint32) string {
	var texts []string
	for _, n := range numbers[:min(shownIDs, len(numbers))] {
		texts = append(texts, strconv.FormatUint(uint64(n), 10))
	}
	if more := len(numbers) - shownIDs; more > 0 {
		texts = append(texts, fmt.Sprintf("…and %d more", more))
	}
	return orNone(strings.Join(texts, " "))
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

// quoteArgs quotes a command for a shell.
func quoteArgs(args []string) string {
	quoted := make([]string, len(args))
	for i, a := range args {
		quoted[i] = QuoteArg(a)
	}
	return strings.Join(quoted, " ")
}

// QuoteArg quotes a word for a shell.
func QuoteArg(arg string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-"
	if arg != "" && strings.Trim(arg, plain) == "" {
		return arg
	}
	if printable.Text(arg) != arg {
		return strconv.Quote(arg)
	}
	return "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
}
