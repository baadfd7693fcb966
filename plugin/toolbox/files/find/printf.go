package find

import (
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/itchyny/timefmt-go"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/files/permissions"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/files/stat"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// printer returns the action of a format. Directives: %p %P %f %h %H %s %k %b %m %M %u %g %U %G %y %l %n %i %d %a %c %t
// %A %C %T with a letter of strftime or @, %%, and \n \t \r \0 \\. Others are refused when the command line is read.
func (f *find) printer(format string) (test, error) {
	var parts []func(*found) string
	text := func(s string) { parts = append(parts, func(*found) string { return s }) }
	for i := 0; i < len(format); i++ {
		c := format[i]
		if c != '%' && c != '\\' {
			text(string(c))
			continue
		}
		if i++; i == len(format) {
			return nil, fmt.Errorf("a character is missing after %c", c)
		}
		if c == '\\' {
			at := strings.IndexByte(`abfnrtv0\`, format[i])
			if at < 0 {
				return nil, fmt.Errorf(`unknown sequence \%c`, format[i])
			}
			text("\a\b\f\n\r\t\v\x00\\"[at : at+1])
			continue
		}
		if strings.IndexByte("ACT", format[i]) >= 0 {
			which := format[i]
			if i++; i == len(format) {
				return nil, fmt.Errorf("a letter is missing after %%%c", which)
			}
			letter := format[i]
			parts = append(parts, func(e *found) string { return fileTime(e, which, letter) })
			continue
		}
		part, ok := directive(format[i])
		if !ok {
			return nil, fmt.Errorf("unknown directive %%%c", format[i])
		}
		parts = append(parts, part)
	}
	f.acts = true
	return func(e *found) bool {
		var out strings.Builder
		for _, part := range parts {
			out.WriteString(part(e))
		}
		return f.formatted(out.String())
	}, nil
}

// directive returns what a letter after % stands for.
func directive(letter byte) (func(*found) string, bool) {
	if field, ok := map[byte]byte{'s': 's', 'M': 'A', 'u': 'U', 'U': 'u', 'g': 'G', 'G': 'g', 'n': 'h', 'i': 'i', 'b': 'b'}[letter]; ok {
		return func(e *found) string { return stat.Field(field, e.Path(), &e.Stat) }, true
	}
	switch letter {
	case '%':
		return func(*found) string { return "%" }, true
	case 'm':
		return func(e *found) string { return strconv.FormatUint(uint64(e.Stat.Mode&0o7777), 8) }, true
	case 'k':
		return func(e *found) string { return strconv.FormatInt((e.Stat.Blocks+1)/2, 10) }, true
	case 'p':
		return func(e *found) string { return e.Path() }, true
	case 'P':
		return func(e *found) string { return e.Below() }, true
	case 'H':
		return func(e *found) string { return e.start }, true
	case 'f':
		return func(e *found) string { return path.Base(e.Name) }, true
	case 'h':
		return func(e *found) string { return path.Dir(e.Path()) }, true
	case 'd':
		return func(e *found) string { return strconv.Itoa(e.Depth) }, true
	case 'y':
		return func(e *found) string { return strings.Replace(permissions.Text(e.Stat.Mode)[:1], "-", "f", 1) }, true
	case 'l':
		return func(e *found) string {
			target, _ := e.Readlink() // of what is no link, nothing
			return target
		}, true
	case 'a', 'c', 't':
		which := map[byte]byte{'a': 'A', 'c': 'C', 't': 'T'}[letter]
		return func(e *found) string {
			return fileTime(e, which, 'a') + " " + fileTime(e, which, 'b') + " " + fileTime(e, which, 'e') + " " + fileTime(e, which, 'T') + " " + fileTime(e, which, 'Y')
		}, true
	}
	return nil, false
}

// fileTime returns the time of access, change or modification, as a letter of strftime says, or in seconds for @.
func fileTime(e *found, which, letter byte) string {
	at := e.Stat.Mtim
	switch which {
	case 'A':
		at = e.Stat.Atim
	case 'C':
		at = e.Stat.Ctim
	}
	fraction := fmt.Sprintf(".%09d0", at.Nsec)
	t := time.Unix(at.Unix())
	switch letter {
	case '@':
		return strconv.FormatInt(t.Unix(), 10) + fraction
	case '+':
		return timefmt.Format(t, "%Y-%m-%d+%H:%M:%S") + fraction
	case 'T', 'S':
		return timefmt.Format(t, "%"+string(letter)) + fraction
	}
	return timefmt.Format(t, "%"+string(letter))
}

// formatted prints a text. At a terminal, control characters of names are shown as ?.
func (f *find) formatted(text string) bool {
	if tool.Terminal() {
		lines := strings.Split(text, "\n")
		for i := range lines {
			lines[i] = strings.ReplaceAll(tool.Printable(strings.ReplaceAll(lines[i], "\t", "\ufffc")), "\ufffc", "\t")
		}
		text = strings.Join(lines, "\n")
	}
	_, err := f.out.WriteString(text)
	return err == nil
}
