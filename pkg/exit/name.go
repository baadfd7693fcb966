package exit

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Name is what the user typed to start the program. Messages begin with it, and hints and help contain it.
// "" is Plugin.
type Name string

// The program's names.
const (
	Plugin     Name = "docker nsjoin" // started by the Docker CLI
	Standalone Name = "nsjoin"        // started by a link of that name
)

// String returns the name, never "".
func (n Name) String() string { return string(cmp.Or(n, Plugin)) }

// In returns text, a text of the program's own such as a help text, with the name in place of "docker
// nsjoin". text must not contain words of the user's or of a container's.
func (n Name) In(text string) string { return strings.ReplaceAll(text, string(Plugin), n.String()) }

// Report writes err for the user and returns its exit status. Control characters are escaped,
// since names and files of a container can be part of the message.
func (n Name) Report(w io.Writer, err error) int {
	if err == nil {
		return 0
	}
	known, ok := errors.AsType[*Error](err)
	if ok && known.Err == nil {
		return known.Status
	}
	fmt.Fprintf(w, "%s: %s\n", n, oneLine(err.Error()))
	if ok && known.Hint != "" {
		fmt.Fprintf(w, "hint: %s\n", oneLine(n.hint(known)))
	}
	return Status(err)
}

// hint returns the hint of e with the program's name.
func (n Name) hint(e *Error) string {
	if e.format == "" {
		return e.Hint
	}
	return fmt.Sprintf(n.In(e.format), e.args...)
}

// ParseReport returns the error that the Report of another process with this name wrote as text
// before it exited with status. Warnings before it are left to Warnings.
func (n Name) ParseReport(text string, status int) error {
	_, text = n.cutWarnings(text)
	line, rest, _ := strings.Cut(text, "\n")
	hint, _, _ := strings.Cut(strings.TrimPrefix(rest, "hint: "), "\n")
	return &Error{Status: status, Err: errors.New(strings.TrimPrefix(line, n.String()+": ")), Hint: hint}
}

// Warnings returns the warnings that another process with this name wrote first.
func (n Name) Warnings(text string) []string {
	list, _ := n.cutWarnings(text)
	return list
}

// HasFailed reports whether text, which another process with this name writes, has the line of an error.
func (n Name) HasFailed(text string) bool {
	_, text = n.cutWarnings(text)
	return strings.HasPrefix(text, n.String()+": ") && !strings.HasPrefix(text, n.String()+warningMark) && strings.Contains(text, "\n")
}

// Note prints what the user may want to know in one line.
func (n Name) Note(w io.Writer, text string) {
	fmt.Fprintf(w, "%s: %s\n", n, oneLine(text))
}

func (n Name) cutWarnings(text string) (list []string, rest string) {
	for {
		line, after, _ := strings.Cut(text, "\n")
		warning, ok := strings.CutPrefix(line, n.String()+warningMark)
		if !ok {
			return list, text
		}
		list, text = append(list, warning), after
	}
}

const warningMark = ": warning: "

// Warn writes a warning for the user.
func (n Name) Warn(w io.Writer, text string) {
	fmt.Fprintf(w, "%s%s%s\n", n, warningMark, oneLine(text))
}
