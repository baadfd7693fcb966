// Package printable makes text safe to print. The root user of a container chooses its names,
// paths and command lines: they must not control a terminal, and must not look like other text.
package printable

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Text escapes every character that controls a terminal or is invisible: control
// characters (C0, DEL, C1), bidirectional and zero-width formatting, line and paragraph
// separators, spaces other than U+0020, unassigned and private code points, blank letters,
// and bytes that are not UTF-8. The result is one line.
//
// The escapes are those of a JSON string, so that a JSON document stays valid and keeps its
// meaning: \n, \t, \r, \u001b, a surrogate pair above U+FFFF. A byte that is not UTF-8
// becomes an escape like \xff, which a JSON document never contains. A backslash is kept.
func Text(text string) string { return escape(text, false) }

// Lines is like Text but keeps \n, for text whose lines are made by docker nsjoin itself.
func Lines(text string) string { return escape(text, true) }

func escape(text string, lines bool) string {
	keep := 0
	for keep < len(text) && text[keep] >= ' ' && text[keep] < 0x7f {
		keep++
	}
	if keep == len(text) {
		return text
	}
	var b strings.Builder
	b.WriteString(text[:keep])
	for rest := text[keep:]; rest != ""; {
		r, size := utf8.DecodeRuneInString(rest)
		switch {
		case r == utf8.RuneError && size == 1:
			b.WriteString(`\x`)
			hex(&b, uint(rest[0]), 2)
		case visible(r), lines && r == '\n':
			b.WriteString(rest[:size])
		default:
			escapeRune(&b, r)
		}
		rest = rest[size:]
	}
	return b.String()
}

func escapeRune(b *strings.Builder, r rune) {
	switch {
	case r == '\n':
		b.WriteString(`\n`)
	case r == '\t':
		b.WriteString(`\t`)
	case r == '\r':
		b.WriteString(`\r`)
	case r > 0xffff:
		// a UTF-16 surrogate pair: RFC 8259, section 7
		r -= 0x10000
		b.WriteString(`\u`)
		hex(b, uint(0xd800+r>>10), 4)
		b.WriteString(`\u`)
		hex(b, uint(0xdc00+r&0x3ff), 4)
	default:
		b.WriteString(`\u`)
		hex(b, uint(r), 4)
	}
}

func hex(b *strings.Builder, n uint, digits int) {
	for i := 4 * (digits - 1); i >= 0; i -= 4 {
		b.WriteByte("0123456789abcdef"[n>>i&0xf])
	}
}

// visible reports whether r shows as a glyph, or is a space, and does nothing else.
func visible(r rune) bool { return strconv.IsPrint(r) && !blank(r) }

// blank reports whether r is invisible although strconv.IsPrint accepts it: the property
// Default_Ignorable_Code_Point, and the empty Braille pattern.
func blank(r rune) bool {
	switch {
	case r < 0x34f:
		return false
	case r == 0x34f, r == 0x2800, r == 0x3164, r == 0xffa0,
		r >= 0x115f && r <= 0x1160, r >= 0x17b4 && r <= 0x17b5, r >= 0x180b && r <= 0x180f,
		r >= 0xfe00 && r <= 0xfe0f, r >= 0xe0100 && r <= 0xe01ef:
		return true
	}
	return false
}
