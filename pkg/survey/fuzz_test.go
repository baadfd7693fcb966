package survey_test

import (
	"strings"
	"testing"
	"unicode"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/survey"
)

// A process's status, command line and cgroups are what it likes. None of that
// reaches a terminal as it is, adds a line to a drawing or ends a text of it.
func FuzzReport(f *testing.F) {
	f.Add("Name:\ttool\nUid:\t1\t7\t7\t7\n", "tool\x00-x\x00", cgroup("web"), "web")
	f.Add("Name:\t\x1b[2J\n", "", "0::/", "a\"b")
	f.Add("", "\x1b]0;x\a\x00\"]; x -> y\\", "::", "x\ny")
	f.Add("\nUid:\t-1 99999999999", "\x00\x00", "0::/docker/"+id("app")+"/../"+id("web"), "#quot;")
	f.Fuzz(func(t *testing.T, status, cmdline, cgroup, image string) {
		h := pod()
		for i := range h.names {
			h.names[i].Image = image
		}
		h.enters(1, ns.SetOf(ns.Net), "web", "", "")
		calm := h.drawings()
		for i := range h.Processes {
			if o := h.Processes[i].Origin; o != nil {
				o.Status, o.Cmdline, o.Cgroup = status, cmdline, cgroup
			}
		}
		for form, text := range h.drawings() {
			for _, r := range text {
				if r != '\n' && !unicode.IsPrint(r) && !strings.ContainsRune(image, r) {
					t.Fatalf("%s has the character %U in it: %q", form, r, text)
				}
			}
			// A guest may be one of the container's own, by its cgroup: a line less, none more.
			if lines, most := strings.Count(text, "\n"), strings.Count(calm[form], "\n"); lines > most {
				t.Errorf("%s has %d lines, with another command line %d:\n%s", form, lines, most, text)
			}
		}
	})
}

func (h *host) drawings() map[string]string {
	rows := h.rows()
	d := survey.Drawing{Full: true}
	return map[string]string{"tree": d.Tree(rows), "mermaid": d.Mermaid(rows), "dot": d.Dot(rows)}
}
