package program

import (
	"bytes"
	"unicode/utf8"
)

// maxFirstLine is how much of a script's first line the kernel reads, BINPRM_BUF_SIZE of linux/binfmts.h.
const maxFirstLine = 256

// mark is the byte order mark of UTF-8.
const mark = "\xef\xbb\xbf"

// parseScript reads the first line as fs/binfmt_script.c does. The kernel takes a file for a script only if #! are its
// first bytes; what an editor put before them is reported.
func parseScript(head []byte) Facts {
	v := Facts{Kind: Script}
	rest, marked := bytes.CutPrefix(head, []byte(mark))
	v.BOM = marked
	if !bytes.HasPrefix(rest, []byte("#!")) {
		trimmed := bytes.TrimLeft(rest, " \t\r\n")
		if v.Blank = bytes.HasPrefix(trimmed, []byte("#!")); !v.Blank {
			return Facts{Kind: textOrOther(head)}
		}
		rest = trimmed
	}
	line := rest[:min(len(rest), maxFirstLine)]
	end := bytes.IndexByte(line, '\n')
	if end >= 0 {
		line = line[:end]
	}
	before := len(line)
	line = bytes.TrimSuffix(line, []byte("\r"))
	v.CR = len(line) < before
	line = bytes.Trim(line[len("#!"):], " \t")
	line, _, _ = bytes.Cut(line, []byte{0})
	name, argument := line, []byte(nil)
	if i := bytes.IndexAny(line, " \t"); i >= 0 {
		name, argument = line[:i], bytes.TrimLeft(line[i:], " \t")
	} else if end < 0 && len(rest) > maxFirstLine {
		v.Long = true // the kernel refuses a name that it cannot see the end of
	}
	v.Interpreter, v.Argument = Name(name), Name(argument)
	return v
}

// textOrOther decides whether a file that is no program is text.
func textOrOther(head []byte) Kind {
	const looked = 4096
	head = head[:min(len(head), looked)]
	for len(head) > 0 {
		r, size := utf8.DecodeRune(head)
		if r == utf8.RuneError && size == 1 && len(head) >= utf8.UTFMax || r < ' ' && r != '\n' && r != '\t' && r != '\r' && r != '\f' && r != 0x1b {
			return Other
		}
		head = head[size:]
	}
	return Text
}
