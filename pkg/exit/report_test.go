package exit_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
)

func TestReport(t *testing.T) {
	cause := errors.New("cause")
	for _, row := range []struct {
		name   string
		err    error
		want   string
		status int
	}{
		{"no error", nil, "", 0},
		{"an error is one line", cause, "docker nsjoin: cause\n", 125},
		{"a status is not printed", exit.WithStatus(exit.NotFound, cause), "docker nsjoin: cause\n", 127},
		{
			"a hint is a second line",
			exit.Hint(cause, "docker start %s", "web"), "docker nsjoin: cause\nhint: docker start web\n", 125,
		},
		{
			"a hint without arguments is formatted too",
			exit.Hint(cause, "100%%"), "docker nsjoin: cause\nhint: 100%\n", 125,
		},
		{
			"a wrapped hint",
			fmt.Errorf("join: %w", exit.Hint(cause, "act")), "docker nsjoin: join: cause\nhint: act\n", 125,
		},
		{
			"the hint nearer to the cause has priority",
			exit.Hint(fmt.Errorf("join: %w", exit.Hint(cause, "near")), "far"), "docker nsjoin: join: cause\nhint: near\n", 125,
		},
		{
			"a hint on a status keeps both",
			exit.Hint(exit.WithStatus(exit.CannotRun, cause), "act"), "docker nsjoin: cause\nhint: act\n", 126,
		},
		{
			"several errors are printed in one line",
			errors.Join(cause, errors.New("another")), "docker nsjoin: cause another\n", 125,
		},
	} {
		var b strings.Builder
		if status := exit.Plugin.Report(&b, row.err); status != row.status {
			t.Errorf("%s: status %d, want %d", row.name, status, row.status)
		}
		if b.String() != row.want {
			t.Errorf("%s: %q\nwant %q", row.name, b.String(), row.want)
		}
	}
}

// Names that a container chooses must not control the terminal.
func TestReportIsPrintable(t *testing.T) {
	for _, row := range []struct{ name, text, want string }{
		{"an escape sequence", "clear \x1b[2J", `clear \u001b[2J`},
		{"a title", "\x1b]0;owned\x07", `\u001b]0;owned\u0007`},
		{"an eight-bit escape", "\u009b2J", `\u009b2J`},
		{"a backspace", "safe\b\b\b\bevil", `safe\u0008\u0008\u0008\u0008evil`},
		{"a zero", "a\x00b", `a\u0000b`},
		{"a delete", "a\x7fb", `a\u007fb`},
		{"the next line of ISO 6429", "a\u0085b", `a\u0085b`},
		{"a new line", "a\ndocker nsjoin: b", "a docker nsjoin: b"},
		{"a carriage return", "a\rb", "a b"},
		{"a tab", "a\tb", "a b"},
		{"white space around it", "\n a \n", "a"},
		{"other alphabets", "größe 大 é", "größe 大 é"},
		{"a no-break space", "a\u00a0b", `a\u00a0b`},
		{"bytes that are not UTF-8", "a\xff\x9bb", `a\xff\x9bb`},
	} {
		var b strings.Builder
		exit.Plugin.Report(&b, exit.Hint(errors.New(row.text), "%s", row.text))
		if want := "docker nsjoin: " + row.want + "\nhint: " + row.want + "\n"; b.String() != want {
			t.Errorf("%s: %q\nwant %q", row.name, b.String(), want)
		}
	}
}

// Any text is printed as two lines without control characters.
func TestReportOfAnyByte(t *testing.T) {
	for r := range rune(0x250) {
		var b strings.Builder
		exit.Plugin.Report(&b, exit.Hint(errors.New("a"+string(r)+"b"), "c%cd", r))
		lines := strings.Split(b.String(), "\n")
		if len(lines) != 3 || lines[2] != "" {
			t.Fatalf("%U makes it %d lines: %q", r, len(lines)-1, b.String())
		}
		for _, line := range lines {
			if i := strings.IndexFunc(line, func(r rune) bool { return r < ' ' || 0x7f <= r && r < 0xa0 }); i >= 0 {
				t.Fatalf("%U is in %q", r, line)
			}
		}
	}
}

func TestParseReport(t *testing.T) {
	for _, err := range []error{
		errors.New("find pid:7: no such process"),
		exit.Hint(errors.New("container \"web\" is paused"), "docker unpause web"),
		exit.WithStatus(exit.NotFound, errors.New("a: b: c")),
	} {
		var first, again strings.Builder
		status := exit.Plugin.Report(&first, err)
		if got := exit.Plugin.Report(&again, exit.Plugin.ParseReport(first.String(), status)); got != status || again.String() != first.String() {
			t.Errorf("%q with %d, want %q with %d", again.String(), got, first.String(), status)
		}
	}
}

// A helper may warn before it fails, and when it does not.
func TestParseReportAfterWarnings(t *testing.T) {
	var text strings.Builder
	exit.Plugin.Warn(&text, "the join is not recorded: full")
	exit.Plugin.Warn(&text, "two")
	want := []string{"the join is not recorded: full", "two"}
	if got := exit.Plugin.Warnings(text.String()); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	status := exit.Plugin.Report(&text, exit.Hint(errors.New("failed: warning: no"), "try again"))
	if got := exit.Plugin.Warnings(text.String()); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	err, ok := errors.AsType[*exit.Error](exit.Plugin.ParseReport(text.String(), status))
	if !ok || err.Error() != "failed: warning: no" || err.Hint != "try again" {
		t.Errorf("%+v", err)
	}
}

// The name begins the messages, and stands in hints for "docker nsjoin", but not in what the user typed.
func TestReportByName(t *testing.T) {
	err := exit.Hint(errors.New("no docker nsjoin here"), "sudo docker nsjoin %s", "'docker nsjoin'")
	for name, want := range map[exit.Name]string{
		"":              "docker nsjoin: no docker nsjoin here\nhint: sudo docker nsjoin 'docker nsjoin'\n",
		exit.Plugin:     "docker nsjoin: no docker nsjoin here\nhint: sudo docker nsjoin 'docker nsjoin'\n",
		exit.Standalone: "nsjoin: no docker nsjoin here\nhint: sudo nsjoin 'docker nsjoin'\n",
	} {
		var first, again strings.Builder
		status := name.Report(&first, fmt.Errorf("%w", err))
		if first.String() != want {
			t.Errorf("%q: %q, want %q", name, first.String(), want)
		}
		// A helper's report, which has the name already.
		if name.Report(&again, name.ParseReport(first.String(), status)); again.String() != want {
			t.Errorf("%q: read again it is %q", name, again.String())
		}
	}
	var b strings.Builder
	exit.Standalone.Warn(&b, "text")
	if b.String() != "nsjoin: warning: text\n" {
		t.Errorf("%q", b.String())
	}
}
