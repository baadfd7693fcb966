package ls

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/engine"
	"github.com/nsjoin/docker-nsjoin/pkg/listing/listingtest"
	"github.com/nsjoin/docker-nsjoin/pkg/row"
)

// Before, some of these printed an image's or process's command, a directory or a label
// unescaped.
func TestHostileText(t *testing.T) {
	list := listingtest.Hostile()
	for _, c := range []struct {
		o     options
		named bool
		lines int
	}{
		{o: options{}, lines: 3 + 3},
		{o: options{noTrunc: true}, lines: 3 + 3},
		{o: options{}, named: true},
		{o: options{noTrunc: true}, named: true},
		{o: options{quiet: true}},
		{o: options{format: "table"}, lines: 3 + 3},
		{o: options{format: "wide"}, lines: 3 + 3},
		{o: options{format: "json"}, lines: 2 + 1},
		{o: options{format: "tree"}, lines: 5 + 2},
		{o: options{format: "mermaid"}},
		{o: options{format: "dot"}},
		{o: options{format: "{{json .}}"}},
		{o: options{format: "{{json .Labels}} {{json .Names}}"}},
		{o: options{format: "{{range .Guests.List}}{{.}} {{with .Command}}{{.}}{{end}}{{end}}"}},
		{o: options{format: `{{index .Namespaces "net"}} {{$n := .Name}}{{$n}} {{.Label "` + "x" + `"}}{{printf "%s" .Image}}{{upper .Command}}{{if .Name}}{{.Labels}}{{else}}{{end}}`}},
		{o: options{format: `{{define "x"}}{{.Command}}{{end}}{{template "x" .}}`}},
	} {
		listingtest.CheckClean(t, fmt.Sprintf("ls %+v, named %t", c.o, c.named), c.lines, func(out io.Writer) error {
			err := c.o.printRows(out, false, list, list.Rows, c.named)
			if err == nil && slices.Contains([]string{"", "table", "wide", "json", "tree"}, c.o.format) {
				err = c.o.printHeld(out, list.Held)
			}
			return err
		})
	}
	// Each field by itself.
	for field := range row.Header() {
		listingtest.CheckClean(t, field, 2, func(out io.Writer) error {
			o := options{format: "{{." + field + "}}", noTrunc: true}
			return o.printRows(out, false, list, list.Rows, false)
		})
	}
}

// A template's own text, which may contain colours, is printed unchanged.
func TestTemplatesOwnTextIsKept(t *testing.T) {
	list := listingtest.Hostile()
	o := options{format: "\x1b[1m{{.Process}}\x1b[0m\\t{{.Processes}}"}
	var out bytes.Buffer
	if err := o.printRows(&out, false, list, list.Rows[:1], false); err != nil || out.String() != "\x1b[1m0\x1b[0m\t0\n" {
		t.Errorf("%q, %v", &out, err)
	}
	out.Reset()
	if err := row.WriteTable(&out, "table {{.Net}}", true, []*row.Row{row.New(list.Rows[0], engine.Container{}, false)}); err != nil || !strings.Contains(out.String(), "\x1b[36m") {
		t.Errorf("table with colours: %q, %v", &out, err)
	}
}
