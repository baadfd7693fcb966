package entrypoint

import (
	"io"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/engine/target"
	"github.com/nsjoin/docker-nsjoin/pkg/lint"
	"github.com/nsjoin/docker-nsjoin/pkg/listing/listingtest"
)

// No format prints a text of a container or an image that controls a terminal or looks like another line.
func TestHostileText(t *testing.T) {
	const hostile = listingtest.HostileText
	words := []string{hostile, hostile}
	r := newReport(target.Target{
		Kind: target.Container, ID: hostile, Name: hostile, Image: hostile, Entrypoint: words, Cmd: words, Command: words,
		User: hostile, Dir: hostile, Env: []string{"PATH=" + hostile}, State: "exited", Failure: hostile,
	}, []lint.Finding{
		{Level: lint.OK, Check: "program", Text: hostile},
		{Level: lint.Warning, Check: "user", Text: hostile, Hint: hostile},
		{Level: lint.Failure, Check: "loader", Text: hostile, Hint: hostile},
	})
	for _, row := range []struct {
		format string
		each   bool
		lines  int
	}{
		{"text", false, 8}, {"text", true, 3}, {"json", false, 0}, {"{{.Name}} {{.Command}} {{.Verdict}}", false, 1}, {"{{json .}}", false, 1}, {"{{.}}", false, 1},
	} {
		listingtest.CheckClean(t, row.format, row.lines, func(out io.Writer) error { return write(out, row.format, row.each, r) })
	}
}

func TestForms(t *testing.T) {
	for want, words := range map[string][]string{"": nil, "exec": {"a"}, "shell": {"/bin/sh", "-c", "a"}} {
		if got := form(words, nil); got != want {
			t.Errorf("%q: %q", words, got)
		}
	}
	if got := list([]string{"a", "<b>"}, "exec"); got != `["a","<b>"] (exec form)` {
		t.Error(got)
	}
	if got := list(nil, ""); got != "none" {
		t.Error(got)
	}
}
