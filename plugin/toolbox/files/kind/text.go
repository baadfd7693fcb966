package kind

import (
	"bytes"
	"encoding/json"
	"path"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// readable looks at a text. ok is false if it is none.
func readable(text []byte) (k kind, ok bool) {
	encoding, charset := "ASCII text", "us-ascii"
	cut := text
	if len(text) == most { // a character may be cut off
		for len(cut) > 0 && len(text)-len(cut) < utf8.UTFMax && !utf8.Valid(cut) {
			cut = cut[:len(cut)-1]
		}
	}
	for _, c := range text {
		switch {
		case c >= 0x80:
			charset = "utf-8"
		case c < ' ' && !bytes.ContainsRune([]byte("\a\b\t\n\f\r\x1b"), rune(c)), c == 0x7f:
			return kind{}, false
		}
	}
	if charset == "utf-8" {
		switch encoding = "Unicode text, UTF-8 text"; {
		case !utf8.Valid(cut):
			encoding, charset = "ISO-8859 text", "iso-8859-1"
		case bytes.HasPrefix(text, []byte("\ufeff")):
			encoding = "Unicode text, UTF-8 (with BOM) text"
		}
	}
	k = kind{encoding, "text/plain", charset}
	if title, mime := script(text); title != "" {
		k.text, k.mime = title+", "+encoding+" executable", mime
	} else if title, mime := markup(text); title != "" {
		k.text, k.mime = title+", "+encoding, mime
	}
	if first := bytes.TrimLeft(text, " \t\r\n"); len(first) > 0 && strings.IndexByte("{[", first[0]) >= 0 && len(text) < most && json.Valid(text) {
		return kind{"JSON text data", "application/json", charset}, true
	}
	k.text += lines(text)
	return k, true
}

// lines says what is unusual about the lines of a text.
func lines(text []byte) string {
	out := ""
	longest, crlf, lf, cr := 0, 0, 0, 0
	for line := range bytes.SplitSeq(text, []byte("\n")) {
		longest = max(longest, len(line))
	}
	lf = bytes.Count(text, []byte("\n"))
	crlf = bytes.Count(text, []byte("\r\n"))
	cr = bytes.Count(text, []byte("\r")) - crlf
	lf -= crlf
	const long = 300
	if longest > long {
		out += ", with very long lines (" + strconv.Itoa(longest) + ")"
	}
	var ends []string
	for _, row := range []struct {
		n    int
		name string
	}{{crlf, "CRLF"}, {cr, "CR"}, {lf, "LF"}} {
		if row.n > 0 {
			ends = append(ends, row.name)
		}
	}
	switch {
	case len(ends) == 0:
		out += ", with no line terminators"
	case len(ends) > 1 || ends[0] != "LF":
		out += ", with " + strings.Join(ends, ", ") + " line terminators"
	}
	if bytes.IndexByte(text, 0x1b) >= 0 {
		out += ", with escape sequences"
	}
	if bytes.IndexByte(text, '\b') >= 0 {
		out += ", with overstriking"
	}
	return out
}

// scripts are the interpreters of scripts, by the names of their programs.
var scripts = []struct{ program, title, mime string }{
	{"bash", "Bourne-Again shell script", "text/x-shellscript"},
	{"dash", "a /bin/dash script", "text/x-shellscript"},
	{"sh", "POSIX shell script", "text/x-shellscript"},
	{"zsh", "Paul Falstad's zsh script", "text/x-shellscript"},
	{"python", "Python script", "text/x-script.python"},
	{"perl", "Perl script text executable", "text/x-perl"},
	{"ruby", "Ruby script", "text/x-ruby"},
	{"node", "Node.js script executable", "application/javascript"},
	{"php", "PHP script", "text/x-php"},
	{"awk", "awk script", "text/x-awk"},
	{"lua", "Lua script", "text/x-lua"},
}

// script returns what a script is for, or nothing.
func script(text []byte) (title, mime string) {
	rest, ok := bytes.CutPrefix(text, []byte("#!"))
	if !ok {
		return "", ""
	}
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	words := strings.Fields(string(line))
	if len(words) == 0 {
		return "", ""
	}
	name := path.Base(words[0])
	if name == "env" && len(words) > 1 {
		name = path.Base(words[len(words)-1])
	}
	for _, row := range scripts {
		if name == row.program || row.program != "sh" && strings.HasPrefix(name, row.program) {
			return row.title, row.mime
		}
	}
	return "a " + tool.Printable(strings.Join(words, " ")) + " script", "text/plain"
}

// markup returns the language of a text that begins with a mark of it, or nothing.
func markup(text []byte) (title, mime string) {
	begin := strings.ToLower(string(bytes.TrimLeft(text[:min(len(text), 256)], " \t\r\n\ufeff")))
	switch {
	case strings.HasPrefix(begin, "<?xml"):
		return "XML 1.0 document", "text/xml"
	case strings.HasPrefix(begin, "<!doctype html"), strings.HasPrefix(begin, "<html"), strings.HasPrefix(begin, "<head"):
		return "HTML document", "text/html"
	case strings.HasPrefix(begin, "<?php"):
		return "PHP script", "text/x-php"
	case strings.HasPrefix(begin, "-----begin certificate"):
		return "PEM certificate", "text/plain"
	case strings.HasPrefix(begin, "-----begin rsa private key"):
		return "PEM RSA private key", "text/plain"
	}
	return "", ""
}
