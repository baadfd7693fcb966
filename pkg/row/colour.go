package row

import (
	"fmt"
	"os"
	"strings"

	"github.com/moby/term"

	"github.com/nsjoin/docker-nsjoin/pkg/printable"
	"github.com/nsjoin/docker-nsjoin/pkg/survey"
)

// Painter adds colours if it is true.
type Painter bool

// StdoutPainter paints if standard output is a terminal and NO_COLOR is not set, https://no-color.org.
func StdoutPainter() Painter {
	return Painter(term.IsTerminal(os.Stdout.Fd()) && os.Getenv("NO_COLOR") == "")
}

// Colours of a terminal. Their codes have the same length, so that columns stay straight: a cell without
// a colour gets the terminal's own.
const (
	colourNone   = 39
	colourHost   = 33
	colourShared = 36
	colourGuest  = 31
)

// colour escapes a text and paints it.
func (p Painter) colour(number int, text string) string {
	text = printable.Text(text)
	if !p {
		return text
	}
	return fmt.Sprintf("\x1b[%dm%s\x1b[39m", number, text)
}

// Text paints a text about a host, a container or a guest.
func (p Painter) Text(part survey.Part, text string) string {
	return p.colour(map[survey.Part]int{
		survey.OfHost: colourHost, survey.OfContainer: colourShared, survey.OfGuest: colourGuest,
	}[part], text)
}

// namespace paints a text about a namespace.
func (p Painter) namespace(n survey.Namespace, text string) string {
	switch {
	case n.Host && strings.Contains("mnt net pid ipc uts", n.Kind.String()):
		return p.colour(colourHost, text)
	case len(n.With) > 0:
		return p.colour(colourShared, text)
	}
	return p.colour(colourNone, text)
}
