package lines

import (
	"bytes"
	"unicode/utf8"
)

const (
	separator    = " | " // between a label and its line
	tabStop      = 8     // columns
	usualColumns = 80    // of a terminal that does not say how many it has
	shortened    = "…"   // stands for the middle of a label
	half         = 2
)

// appendRows appends a line that safe has returned, for a terminal of so many columns; 0 if that is unknown. A longer
// line becomes several, each with the label: if the terminal broke it, the rest could look like another command's line.
func (s *Source) appendRows(to, line []byte, columns int) []byte {
	if columns <= 0 {
		columns = usualColumns
	}
	prefix, indent := s.rowPrefix(columns)
	var colour []byte // that the row before had at its end
	for {
		size, last := row(line, indent, columns)
		to = append(to, prefix...)
		to = append(append(to, colour...), line[:size]...)
		if line = line[size:]; len(line) == 0 {
			return append(to, '\n')
		}
		if last != nil {
			colour = last
		}
		if colour != nil {
			to = append(to, reset...)
		}
		to = append(to, '\n')
	}
}

// rowPrefix returns what each row of a line begins with, and the column after it. Labels are shortened so that the line
// has at least half of the row.
func (s *Source) rowPrefix(columns int) (prefix []byte, indent int) {
	width := min(s.printer.width, max(columns/half-len(separator), 1))
	if s.rows.columns != columns {
		s.rows.columns = columns
		s.rows.prefix = prefixOf(short(s.label.String(), width), width, s.number, s.printer.options.Colours)
	}
	return s.rows.prefix, width + len(separator)
}

// short returns a label of at most width characters. Names often differ at their ends only.
func short(label string, width int) string {
	all := []rune(label)
	if len(all) <= width {
		return label
	}
	end := width / half
	return string(all[:width-end-1]) + shortened + string(all[len(all)-end:])
}

// row returns how many bytes of a line fit into a row, at least one character of it, and the last colour among them; nil
// if there is none. indent is the column that the line begins at, and width the column that the row ends before.
func row(line []byte, indent, width int) (size int, colour []byte) {
	column := indent
	for size < len(line) {
		if line[size] == '\x1b' {
			end := size + bytes.IndexByte(line[size:], 'm') + 1 // safe keeps no other control sequences
			colour, size = line[size:end], end
			continue
		}
		r, n := utf8.DecodeRune(line[size:])
		if column += cells(r, column); column > width && size > 0 {
			return size, colour
		}
		size += n
	}
	return size, colour
}

// cells returns how many columns a character takes at most, at a column of a terminal.
func cells(r rune, column int) int {
	const firstWide = 0x1100 // UAX #11: no character below is wide
	switch {
	case r == '\t':
		return tabStop - column%tabStop
	case r >= firstWide:
		return 2
	}
	return 1
}
