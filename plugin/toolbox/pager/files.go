package pager

import (
	"fmt"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/screen"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// begin types the commands that were given as arguments.
func (p *pager) begin() {
	p.fresh = true
	p.top, p.left = pos{}, 0
	commands, pattern := p.o.commands, p.o.pattern
	if p.moved { // they are for the first file
		commands, pattern = nil, ""
	}
	for _, command := range commands {
		switch {
		case command == "":
			continue
		case strings.HasPrefix(command, "/") || strings.HasPrefix(command, "?") || strings.HasPrefix(command, "&"):
			command += "\r"
		case strings.Trim(command, "0123456789") == "":
			command += "g"
		}
		for _, r := range command {
			p.pending = append(p.pending, screen.Key(r))
		}
	}
	if pattern != "" {
		for _, r := range "/" + pattern + "\r" {
			p.pending = append(p.pending, screen.Key(r))
		}
	}
	p.starting = len(p.pending) > 0
}

// binary reports whether the text seems to be none.
func (p *pager) binary() bool {
	if p.o.force || p.doc.stream {
		return false
	}
	b := p.doc.block(0)
	b = b[:min(len(b), 256)]
	bad := 0
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		switch {
		case r == 0x1b && p.o.colors && colorSequence(b) > 0:
			n = colorSequence(b)
		case r == utf8.RuneError && n == 1 && len(b) >= utf8.UTFMax, r < ' ' && !strings.ContainsRune("\b\t\n\f\r", r), r == 0x7f:
			bad++
		}
		b = b[n:]
	}
	return bad > 5
}

// admitted asks whether a text is to be shown that seems to be none.
func (p *pager) admitted() bool {
	if !p.binary() {
		return true
	}
	for {
		question := fmt.Sprintf("\"%s\" may be a binary file.  See it anyway? ", tool.Printable(p.doc.name))
		p.scr.Draw([]screen.Line{{Text: p.fitting(question), Style: "7"}}, 0, utf8.RuneCountInString(question))
		if k := p.scr.Next(0, nil); k != screen.Resized {
			p.quit = k == screen.Ended
			return k == 'y' || k == 'Y'
		}
	}
}

// open opens one of the files.
func (p *pager) open(at int) error {
	name := p.files[at]
	if name == "-" {
		p.doc = newDocument("", os.Stdin)
		return nil
	}
	file, err := tool.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	switch {
	case err == nil && info.IsDir():
		err = fmt.Errorf("%s is a directory", tool.Printable(name))
	case err == nil && !info.Mode().IsRegular() && !p.o.force:
		err = fmt.Errorf("%s is not a regular file (use -f to see it)", tool.Printable(name))
	case err == nil && !info.Mode().IsRegular():
		_ = unix.SetNonblock(int(file.Fd()), false)
	}
	if err != nil {
		file.Close()
		return err
	}
	if p.doc != nil && p.doc.file != nil && p.doc.file != os.Stdin && !p.doc.stream {
		p.doc.file.Close()
	}
	p.doc = newDocument(name, file)
	return nil
}

// fits reports whether the whole text fits on the screen. It waits for as much of it.
func (p *pager) fits() bool {
	size := &screen.Screen{}
	size.Rows, size.Columns = screen.TerminalSize(p.keys)
	p.scr = size
	defer func() { p.scr = nil }()
	rows := 0
	for at := (pos{}); rows < size.Rows; rows++ {
		for !p.doc.ended && p.doc.lineEnd(at.line) == p.doc.size {
			p.doc.want()
			<-p.doc.Ready
			p.doc.take()
		}
		if at.line >= p.doc.size {
			return true
		}
		next, ok := p.nextRow(at)
		if !ok {
			return rows+1 < size.Rows
		}
		at = next
	}
	return false
}

// copiedText prints a text that is shorter than the screen.
func copiedText(d *document) int {
	for at := int64(0); at*blockSize < d.size; at++ {
		if _, err := tool.Stdout.Write(d.block(at)); err != nil {
			return 1
		}
	}
	return 0
}

// step goes to another file, or ends after the last one.
func (p *pager) step(by int) {
	if at := p.at + by; at < 0 || at >= len(p.files) {
		p.quit = by > 0
		return
	}
	p.change(p.at + by)
}

// change shows another one of the files.
func (p *pager) change(at int) {
	if err := p.open(at); err != nil {
		p.message = tool.Reason(err).Error()
		return
	}
	p.at, p.cached, p.moved, p.last = at, -1, true, pos{}
	if p.begin(); !p.admitted() {
		p.step(1)
	}
}
