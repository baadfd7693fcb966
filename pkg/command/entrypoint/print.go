package entrypoint

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/nsjoin/docker-nsjoin/pkg/engine/target"
	"github.com/nsjoin/docker-nsjoin/pkg/formatter"
	"github.com/nsjoin/docker-nsjoin/pkg/lint"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/printable"
)

// report is what is printed about a container or an image.
type report struct {
	Kind  target.Kind
	ID    string
	Name  string
	Image string // of a container
	// State, ExitCode and Error are of a container: what docker ps shows, and how it ended.
	State    string
	ExitCode int
	Error    string

	Command        []string // ENTRYPOINT and CMD as they are joined
	Entrypoint     []string
	EntrypointForm string // exec, shell, or "" if there is none
	Cmd            []string
	CmdForm        string
	User           string
	Directory      string
	Path           string // the program search path
	Environment    []string

	Verdict  lint.Finding // the worst of Findings
	Findings []lint.Finding
}

func newReport(t target.Target, findings []lint.Finding) report {
	r := report{
		Kind: t.Kind, ID: t.ID, Name: t.Name, Image: t.Image, State: t.State, ExitCode: t.Status, Error: t.Failure,
		Command: t.Command, Entrypoint: t.Entrypoint, EntrypointForm: form(t.Entrypoint, t.Shell), Cmd: t.Cmd, CmdForm: form(t.Cmd, t.Shell),
		User: t.User, Directory: t.Dir, Path: t.Path(), Environment: t.Env,
		Verdict: lint.Verdict(findings), Findings: findings,
	}
	return r
}

// form names the form of ENTRYPOINT or CMD as the Dockerfile reference does.
func form(words, shell []string) string {
	if len(words) == 0 {
		return ""
	}
	if _, is := lint.ShellForm(words, shell); is {
		return "shell"
	}
	return "exec"
}

// write prints a report in a format: text, json or a Go template. each says that the text is a line for each check.
func write(out io.Writer, format string, each bool, r report) error {
	switch {
	case format == "text" && each:
		return r.writeFindings(out)
	case format == "text":
		return r.write(out)
	case format == "json":
		var text strings.Builder
		enc := json.NewEncoder(&text)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "    ")
		if err := enc.Encode([]report{r}); err != nil { // a list, as docker inspect prints it
			return err
		}
		_, err := io.WriteString(out, printable.Lines(text.String()))
		return err
	}
	return formatter.Write(out, format, nil, []report{r})
}

func (r report) write(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 1, 3, ' ', 0)
	row := func(name, value string) { fmt.Fprintf(w, "%s\t%s\n", name, printable.Text(value)) }
	row("command", quoted(r.Command))
	row("entrypoint", list(r.Entrypoint, r.EntrypointForm))
	row("cmd", list(r.Cmd, r.CmdForm))
	user := r.User
	if user == "" {
		user = "root (no USER is set)"
	}
	row("user", user)
	row("directory", r.Directory)
	row("path", r.Path)
	if r.Kind == target.Container {
		state := r.State
		if slices.Contains([]string{"exited", "restarting", "stopped"}, r.State) { // stopped is Podman's word
			state += fmt.Sprintf(" with status %d", r.ExitCode)
		}
		if r.Error != "" {
			state += ": " + r.Error
		}
		row("container", fmt.Sprintf("%s (%s), %s", r.Name, r.Image, state))
	} else {
		row("image", r.Name)
	}
	row("verdict", r.verdict())
	return w.Flush()
}

// verdict says in a line whether the container can start.
func (r report) verdict() string {
	v := r.Verdict
	switch v.Level {
	case lint.OK:
		return "it can start"
	case lint.Failure:
		return "it cannot start: " + sentence(v)
	case lint.Warning, lint.Unknown:
	}
	return fmt.Sprintf("it can start, with a doubt (%s): %s", v.Level, sentence(v))
}

// sentence returns what was found and what to do.
func sentence(f lint.Finding) string {
	if f.Hint == "" {
		return f.Text
	}
	return f.Text + "; " + f.Hint
}

// writeFindings prints a line for each finding.
func (r report) writeFindings(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 1, 3, ' ', 0)
	for _, f := range r.Findings {
		fmt.Fprintf(w, "%s\t%s\t%s\n", f.Level, f.Check, printable.Text(sentence(f)))
	}
	return w.Flush()
}

// quoted returns a command as one can type it in a shell.
func quoted(words []string) string {
	list := make([]string, len(words))
	for i, word := range words {
		list[i] = plan.QuoteArg(word)
	}
	return strings.Join(list, " ")
}

// list returns ENTRYPOINT or CMD as an image's configuration has it, and its form.
func list(words []string, form string) string {
	if form == "" {
		return "none"
	}
	var text strings.Builder
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(words) // strings only
	return strings.TrimSpace(text.String()) + " (" + form + " form)"
}
