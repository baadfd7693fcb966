package pager

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

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

// place goes to a place of the text.
func (p *pager) place(k screen.Key, n int) bool {
	switch k {
	case 'g', '<', screen.Home, screen.Meta | '<':
		if n > 1 {
			p.toLine(int64(n))
			break
		}
		p.last, p.top = p.top, pos{}
	case 'G', '>', screen.End, screen.Meta | '>':
		if n > 0 {
			p.toLine(int64(n))
			break
		}
		p.last = p.top
		p.toEnd()
	case 'p', '%':
		p.toPercent(n)
	case 'F':
		p.follow()
	case 'm':
		p.asks("set mark: ")
		if k := p.key(); k > ' ' {
			p.marks[rune(k)] = mark{p.at, p.top}
		}
	case '\'', screen.Control('X'):
		p.asks("goto mark: ")
		p.toMark(p.key())
	default:
		return false
	}
	return true
}

func (p *pager) toLine(n int64) {
	at, ok := p.indexOf(n)
	if !ok {
		p.message = fmt.Sprintf("Cannot seek to line number %d", n)
		return
	}
	p.jump(at)
}

func (p *pager) toPercent(n int) {
	p.readAll()
	at := p.doc.size * int64(min(n, 100)) / 100
	if at >= p.doc.size {
		p.toEnd()
		return
	}
	if at > 0 {
		at = p.doc.lineStart(at + 1)
	}
	p.last, p.top = p.top, pos{at, 0}
}

func (p *pager) toMark(k screen.Key) {
	was := p.top
	switch to, ok := p.marks[rune(k)]; {
	case k == '\'' || k == screen.Control('X'):
		p.top = p.last
	case k == '^':
		p.top = pos{}
	case k == '$':
		p.toEnd()
	case ok:
		if to.file != p.at {
			if p.change(to.file); p.at != to.file {
				return
			}
			was = pos{}
		}
		p.top = to.at
	default:
		p.message = "Mark not set"
		return
	}
	p.last = was
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

// edit opens the editor of the toolbox at the line on top, and shows the file again.
func (p *pager) edit() {
	if p.doc.stream || p.doc.file == nil {
		p.message = "Cannot edit standard input"
		return
	}
	n, _ := p.doc.number(p.top.line, p.scr.Interrupted)
	name := p.doc.name
	if name != "" && strings.ContainsRune("-+", rune(name[0])) { // no option
		name = "./" + name
	}
	cmd := exec.Command(tool.Self(), fmt.Sprintf("+%d", n), name)
	cmd.Args[0] = "edit"
	top := p.top
	p.outside(cmd, false)
	if err := p.open(p.at); err != nil {
		p.message = tool.Reason(err).Error()
		return
	}
	p.top, p.cached = top, -1
	if p.top.line >= p.doc.size {
		p.top = pos{}
	}
}

// outside gives the terminal to another program.
func (p *pager) outside(cmd *exec.Cmd, wait bool) {
	if cmd.Args[0] == tool.Self() {
		cmd.Args[0] = "sh"
	}
	terminal := os.Stdin
	if p.keys != 0 { // a file closes its descriptor when it is no longer used
		fd, err := unix.FcntlInt(uintptr(p.keys), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			p.message = err.Error()
			return
		}
		terminal = os.NewFile(uintptr(fd), "terminal")
		defer terminal.Close()
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = terminal, os.Stdout, os.Stderr
	err := p.scr.Lend(cmd)
	if wait {
		tool.Print("!done  (press RETURN)")
		p.scr.Pause()
		tool.Println()
	}
	p.scr.Again()
	if err != nil && !wait {
		p.message = err.Error()
	}
}

// showHelp shows the keys.
func (p *pager) showHelp() {
	if p.help != nil {
		return
	}
	p.help, p.behind = p.doc, p.top
	p.doc, p.top, p.left, p.cached = text("HELP", keysHelp), pos{}, 0, -1
}

const keysHelp = `                   SUMMARY OF LESS COMMANDS

  q  :q  ZZ            Exit.
  h  H                 Display this help.

  e  j  RETURN  down   Forward  one line   (or N lines).
  y  k  ^P  up         Backward one line   (or N lines).
  f  ^F  SPACE  PgDn   Forward  one window (or N lines).
  b  ^B  PgUp          Backward one window (or N lines).
  d  ^D                Forward  one half-window (and set half-window to N).
  u  ^U                Backward one half-window (and set half-window to N).
  right  left          Right or left one half screen width (or N positions).
  F                    Forward forever; like "tail -f". ^C ends that.
  r  R  ^L             Repaint the screen.

  /pattern             Search forward for the (N-th) matching line.
  ?pattern             Search backward for the (N-th) matching line.
  !  at the begin of a pattern searches lines that do NOT match.
  n  N                 Repeat the search, or in the reverse direction.
  ESC-u                Undo (toggle) search highlighting.
  &pattern             Display only matching lines; & alone displays all.

  g  <  Home           Go to the first line (or line N).
  G  >  End            Go to the last line (or line N).
  p  %                 Go to the beginning of the text (or N percent into it).
  m<letter>  '<letter> Set a mark; go to a mark. '' is the previous position.

  :n  :p  :x  :e file  The next, previous, first, or another file.
  =  ^G  :f            Print the name of the file, and where you are.
  -<letter>            Toggle an option: i I m M N R s S.
  v                    Edit the file with the toolbox's editor.
  !command             Run a command of the shell.
`
