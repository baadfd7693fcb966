package pager

import (
	"os/exec"
	"strconv"
	"strings"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/screen"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// handle does what a key stands for.
func (p *pager) handle(k screen.Key) {
	if p.message != "" {
		p.message = ""
		if k == '\r' || k == '\n' || k == ' ' {
			return
		}
	}
	p.fresh = p.fresh && p.starting
	number := ""
	if k >= '0' && k <= '9' {
		number, k = p.number(k)
	}
	n, _ := strconv.Atoi(number)
	if k == screen.Escape { // Alt, over a slow link
		k = screen.Meta | p.key()
	}
	if p.motion(k, n) || p.place(k, n) || p.other(k, n) {
		return
	}
}

// number reads a number that is typed in front of a command.
func (p *pager) number(k screen.Key) (string, screen.Key) {
	text := ""
	for {
		switch {
		case k >= '0' && k <= '9' && len(text) < 15:
			text += string(rune(k))
		case (k == screen.Backspace || k == screen.Control('H')) && text != "":
			text = text[:len(text)-1]
		default:
			return text, k
		}
		if text == "" {
			return "", screen.Unknown
		}
		p.asks(":" + text)
		k = p.key()
	}
}

// motion moves the text.
func (p *pager) motion(k screen.Key, n int) bool {
	half := func() int {
		if n > 0 {
			p.window = n
		}
		if p.window > 0 {
			return p.window
		}
		return max(1, p.scr.Rows/2)
	}
	or := func(rows int) int {
		if n > 0 {
			return n
		}
		return rows
	}
	switch k {
	case ' ', 'f', 'z', screen.Control('F'), screen.Control('V'), screen.PageDown, screen.Meta | ' ':
		p.forward(or(p.height()))
	case 'b', screen.Control('B'), screen.PageUp, screen.Meta | 'v', 'w':
		p.back(or(p.height()))
	case '\r', '\n', 'e', screen.Control('E'), 'j', screen.Control('N'), screen.Down:
		p.forward(or(1))
	case 'y', screen.Control('Y'), 'k', screen.Control('K'), screen.Control('P'), screen.Up:
		p.back(or(1))
	case 'd', screen.Control('D'):
		p.forward(half())
	case 'u', screen.Control('U'):
		p.back(half())
	case screen.Right, screen.Meta | ')':
		p.shift(or(p.scr.Columns / 2))
	case screen.Left, screen.Meta | '(':
		p.shift(-or(p.scr.Columns / 2))
	default:
		return false
	}
	return true
}

// shift moves the text to the left.
func (p *pager) shift(by int) {
	p.left = max(0, p.left+by)
	p.top.row, p.cached = 0, -1
}

// other does all other commands.
func (p *pager) other(k screen.Key, n int) bool {
	switch k {
	case 'q', 'Q', screen.Ended:
		p.leave(k == screen.Ended)
	case screen.Interrupt:
		p.quit = p.o.quitOnInterrupt
	case 'Z':
		p.quit = p.key() == 'Z'
	case '/', '?':
		p.searches(k == '?', max(n, 1))
	case 'n', 'N':
		p.again(k == 'N', max(n, 1))
	case '&':
		p.filters()
	case screen.Meta | 'u':
		p.hidden = !p.hidden
	case 'r', screen.Control('R'), screen.Control('L'), 'R':
		p.doc.refresh()
		p.cached = -1
		p.scr.Forget()
	case '=', screen.Control('G'):
		p.message = p.info()
	case 'h', 'H':
		p.showHelp()
	case ':':
		p.colon()
	case '-', '_':
		p.asks(string(rune(k)))
		p.toggle(p.key(), k == '_')
	case 'v':
		p.edit()
	case '!':
		if command, ok := p.line("!"); ok {
			p.outside(exec.Command(tool.Self(), "-c", command), true)
		}
	case 'V':
		p.message = "less of the toolbox of docker nsjoin"
	case screen.Unknown, screen.Paste, screen.PasteEnd:
	default:
		return false
	}
	return true
}

// leave leaves the help, or less.
func (p *pager) leave(all bool) {
	if p.help == nil || all {
		p.quit = true
		return
	}
	p.doc, p.top, p.help, p.cached = p.help, p.behind, nil, -1
}

// colon does a command that begins with a colon.
func (p *pager) colon() {
	p.asks(" :")
	switch p.key() {
	case 'n':
		if p.at+1 >= len(p.files) {
			p.message = "No next file"
			return
		}
		p.change(p.at + 1)
	case 'p':
		if p.at == 0 {
			p.message = "No previous file"
			return
		}
		p.change(p.at - 1)
	case 'x':
		p.change(0)
	case 'e':
		if name, ok := p.line("Examine: "); ok && strings.TrimSpace(name) != "" {
			p.files = append(p.files, strings.TrimSpace(name))
			p.change(len(p.files) - 1)
		}
	case 'f':
		p.message = p.info()
	case 'q', 'Q':
		p.quit = true
	}
}

// toggle changes an option, or only shows it.
func (p *pager) toggle(k screen.Key, only bool) {
	o := &p.o
	for _, row := range []struct {
		key     screen.Key
		value   *bool
		on, off string
	}{
		{'S', &o.chop, "Chop long lines", "Fold long lines"},
		{'N', &o.numbers, "Constantly display line numbers", "Don't use line numbers"},
		{'i', &o.ignoreCase, "Ignore case in searches", "Case is significant in searches"},
		{'I', &o.ignoreAll, "Ignore case in searches and in patterns", "Case is significant in searches"},
		{'R', &o.colors, "Display ANSI sequences directly", "Display control characters as ^X"},
		{'s', &o.squeeze, "Squeeze multiple blank lines", "Display all blank lines"},
	} {
		if row.key != k {
			continue
		}
		if !only {
			*row.value = !*row.value
			p.cached, p.top.row = -1, 0
		}
		p.message = row.off
		if *row.value {
			p.message = row.on
		}
		return
	}
	switch k {
	case 'm', 'M':
		o.prompt = map[screen.Key]int{'m': 1, 'M': 2}[k]
	case screen.Interrupt, screen.Escape, '\r', screen.Backspace:
	default:
		p.message = "There is no such option here"
	}
}
