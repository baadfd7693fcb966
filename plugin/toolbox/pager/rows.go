package pager

// lineAt returns a line.
func (p *pager) lineAt(from int64) []byte { return p.doc.line(from, p.doc.lineEnd(from)) }

// rowsOf returns the rows of a line, and remembers them.
func (p *pager) rowsOf(line int64) []row {
	if p.cached != line || p.rows == nil || p.chops() || !p.doc.ended {
		p.cached, p.rows = line, p.layout(p.lineAt(line), 0)
	}
	return p.rows
}

// passes reports whether a line is shown.
func (p *pager) passes(from, end int64) bool {
	if p.o.squeeze && from > 0 && len(p.doc.line(from, end)) == 0 {
		if before := p.doc.lineStart(from); len(p.doc.line(before, from)) == 0 {
			return false
		}
	}
	if p.filter == nil {
		return true
	}
	text, _ := p.plain(p.doc.line(from, end))
	return p.filter.Match(text) != p.without
}

// nextLine returns the next line that is shown, or false if there is none.
func (p *pager) nextLine(from int64) (int64, bool) {
	for n := 0; ; n++ {
		from = p.doc.lineEnd(from)
		if from >= p.doc.size || n%10000 == 9999 && p.scr.Interrupted() {
			return from, false
		}
		if p.filter == nil && !p.o.squeeze || p.passes(from, p.doc.lineEnd(from)) {
			return from, true
		}
	}
}

// lineBefore returns the line before one, or false if there is none.
func (p *pager) lineBefore(from int64) (int64, bool) {
	for n := 0; from > 0; n++ {
		end := from
		from = p.doc.lineStart(end)
		if p.passes(from, end) {
			return from, true
		}
		if n%10000 == 9999 && p.scr.Interrupted() {
			break
		}
	}
	return from, false
}

// nextRow returns the row behind one.
func (p *pager) nextRow(at pos) (pos, bool) {
	if !p.chops() && at.row+1 < len(p.rowsOf(at.line)) {
		return pos{at.line, at.row + 1}, true
	}
	line, ok := p.nextLine(at.line)
	if !ok {
		return at, false
	}
	return pos{line, 0}, true
}

// rowBefore returns the row before one.
func (p *pager) rowBefore(at pos) (pos, bool) {
	if at.row > 0 {
		return pos{at.line, at.row - 1}, true
	}
	line, ok := p.lineBefore(at.line)
	if !ok {
		return at, false
	}
	return pos{line, len(p.rowsOf(line)) - 1}, true
}

// height is the rows for text.
func (p *pager) height() int { return max(1, p.scr.Rows-1) }

// bottom returns the last row on the screen, and whether all rows are used.
func (p *pager) bottom() (pos, bool) {
	at := p.top
	for range p.height() - 1 {
		next, ok := p.nextRow(at)
		if !ok {
			return at, false
		}
		at = next
	}
	return at, true
}

// forward moves the text up by so many rows, but not behind its end.
func (p *pager) forward(rows int) {
	at, full := p.bottom()
	for !full {
		if p.doc.ended || !p.more() {
			p.pastEnd()
			return
		}
		at, full = p.bottom()
	}
	for i := range rows {
		if i%1000 == 999 && p.scr.Interrupted() {
			return
		}
		next, ok := p.rowBehind(at)
		if !ok {
			if i == 0 {
				p.pastEnd()
			}
			return
		}
		at = next
		p.top, _ = p.nextRow(p.top)
	}
}

// rowBehind is nextRow that waits for a stream, and sees what was added to a file.
func (p *pager) rowBehind(at pos) (pos, bool) {
	for {
		if next, ok := p.nextRow(at); ok {
			return next, true
		}
		if p.doc.refresh() {
			p.cached = -1
			continue
		}
		if p.doc.ended || !p.more() {
			return at, false
		}
	}
}

// pastEnd is called when somebody wants more than there is.
func (p *pager) pastEnd() {
	if p.o.quitAtEnd > 0 && p.doc.ended {
		p.step(1)
	}
}

// back moves the text down.
func (p *pager) back(rows int) {
	for i := range rows {
		before, ok := p.rowBefore(p.top)
		if !ok || i%1000 == 999 && p.scr.Interrupted() {
			return
		}
		p.top = before
	}
}

// toEnd shows the end.
func (p *pager) toEnd() {
	p.readAll()
	p.toLast()
}

// toLast shows the end of what is there.
func (p *pager) toLast() {
	p.doc.refresh()
	at := pos{}
	if p.doc.size > 0 {
		line, ok := p.doc.lineStart(p.doc.size), true
		if !p.passes(line, p.doc.size) {
			line, ok = p.lineBefore(line)
		}
		if !ok {
			return
		}
		at = pos{line, len(p.rowsOf(line)) - 1}
	}
	p.top = at
	p.back(p.height() - 1)
}

// jump brings a line to the top, also where that leaves rows behind the end.
func (p *pager) jump(line int64) { p.last, p.top = p.top, pos{line, 0} }
