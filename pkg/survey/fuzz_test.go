package survey_test

import (
	"strings"
	"testing"
	"unicode"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/survey"
)

// A container controls command lines and image names. They must not reach a terminal unescaped, add
// lines to a drawing or end a quoted text.
func FuzzReport(f *testing.F) {
	f.Add("tool -x", cgroup("web"), "web")
	f.Add("\x1b[2J\n", "", "a\"b")
	f.Add("\x1b]0;x\a\"]; x -> y\\", "::", "x\ny")
	f.Add("`**bold**` &lt;\u202e", id("app"), "#quot;\u2066\xff")
	f.Fuzz(func(t *testing.T, command, cgroup, image string) {
		h := pod()
		h.enters(1, ns.SetOf(ns.Net), "web", "", "")
		calm := h.drawings()
		for i := range h.names {
			h.names[i].Image = image
		}
		for i := range h.Processes {
			if o := h.Processes[i].Origin; o != nil {
				o.Command, o.Cgroup = command, cgroup
			}
		}
		for form, text := range h.drawings() {
			if i := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); i >= 0 {
				t.Fatalf("%s has %.4q in it: %q", form, text[i:], text)
			}
			// With another cgroup a guest may belong to the container: there are fewer lines, never more.
			if lines, most := strings.Count(text, "\n"), strings.Count(calm[form], "\n"); lines > most {
				t.Errorf("%s has %d lines, with another command line %d:\n%s", form, lines, most, text)
			}
			checkQuotes(t, form, text)
		}
	})
}

// checkQuotes fails if a text ends its quotes.
func checkQuotes(t *testing.T, form, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		if form == "dot" && strings.Count(unescaped.Replace(line), `"`)%2 != 0 || form == "mermaid" && strings.Count(line, `"`) > 2 {
			t.Errorf("%s has the line %q", form, line)
		}
	}
}

// unescaped removes escaped quotation marks in dot.
var unescaped = strings.NewReplacer(`\\`, "", `\"`, "")

func (h *host) drawings() map[string]string {
	rows := h.rows()
	d := survey.Drawing{Full: true}
	return map[string]string{"tree": d.Tree(rows), "mermaid": d.Mermaid(rows), "dot": d.Dot(rows)}
}
