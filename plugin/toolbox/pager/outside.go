package pager

import (
	"fmt"
	"os"
	"os/exec"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

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
