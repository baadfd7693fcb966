package survey_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/survey"
)

var number = regexp.MustCompile(`\b(g?)\d+ |\bg\d+`)

// drawn replaces pids in a drawing by N.
func drawn(text string) string {
	return number.ReplaceAllStringFunc(text, func(n string) string {
		if strings.HasSuffix(n, " ") {
			return strings.TrimRight(n, "0123456789 ") + "N "
		}
		return "gN"
	})
}

func (h *host) rows() []*survey.Row {
	return survey.Report(&h.Survey, h.names, func(uint32) string { return "root" })
}

func TestTree(t *testing.T) {
	h := pod()
	h.container("sidecar", ns.SetOf(ns.Mnt, ns.UTS), map[ns.Kind]string{ns.Net: "app", ns.PID: "app", ns.IPC: "proxy"})
	h.enters(1, ns.SetOf(ns.Net), "db", "", "")
	h.enters(1, ns.SetOf(ns.Net, ns.UTS), "db", "", "")
	h.enters(h.find("app").First, ns.SetOf(ns.Mnt), "proxy", "app", "app")
	const want = `host
├── proxy (image): net of the host
│   └── guest N tool -x (root, from app): mnt
└── web (image)
    ├── app (image): ipc, net of web
    ├── db (image): ipc, net of web
    │   └── guest N tool -x (root, from the host): net, uts
    ├── sidecar (image): ipc of proxy; net of web; pid of app
    └── guest N tool -x (root, from the host): net
`
	if got := drawn(survey.Drawing{}.Tree(h.rows())); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

// A container that is not listed is named but not drawn.
func TestTreeOfSomeContainers(t *testing.T) {
	rows := pod().rows()
	const want = "host\n└── app (image): ipc, net of web\n"
	if got := (survey.Drawing{}).Tree(rows[1:2]); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	const dot = "digraph nsjoin {\n  rankdir=LR\n  node [shape=box]\n  c1 [label=\"app\\nimage\"]\n}\n"
	if got := (survey.Drawing{}).Dot(rows[1:2]); got != dot {
		t.Errorf("%s\nwant\n%s", got, dot)
	}
	if got := (survey.Drawing{}).Tree(nil); got != "host\n" {
		t.Errorf("of nothing: %q", got)
	}
}

func TestQuoting(t *testing.T) {
	h := newHost()
	h.container("web", usual, nil)
	pid := h.enters(1, ns.SetOf(ns.Net), "web", "", "")
	for i := range h.Processes {
		if h.Processes[i].PID == pid {
			h.Processes[i].Origin.Command = "sh -c echo \"<\\#>\" \x1b[1m"
		}
	}
	rows := h.rows()
	if got, want := drawn(survey.Drawing{}.Mermaid(rows)), `gN>"N sh -c echo #quot;#lt;#92;#35;#gt;#quot; #92;u001b[1m<br/>root, from the host"]`; !strings.Contains(got, want) {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	if got, want := drawn(survey.Drawing{}.Dot(rows)), `gN [shape=note label="N sh -c echo \"<\\#>\" \\u001b[1m\nroot, from the host"]`; !strings.Contains(got, want) {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

func TestLongCommandIsTruncated(t *testing.T) {
	h := newHost()
	h.container("web", usual, nil)
	h.enters(1, ns.SetOf(ns.Net), "web", "", "")
	long := strings.Repeat("x", 100)
	for i := range h.Processes {
		if o := h.Processes[i].Origin; o != nil {
			o.Command = long
		}
	}
	if got := (survey.Drawing{}).Tree(h.rows()); !strings.Contains(got, " "+long[:39]+"… ") {
		t.Error(got)
	}
	if got := (survey.Drawing{Full: true}).Tree(h.rows()); !strings.Contains(got, " "+long+" ") {
		t.Error(got)
	}
}
