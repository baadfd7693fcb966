package lines

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// Tr replaces, removes or squeezes characters.
func Tr(args []string) int {
	f := tool.Flags("tr", "[-cds] SET1 [SET2]")
	complement := f.BoolP("complement", "c", false, "all characters but SET1")
	upper := f.BoolP("Complement", "C", false, "all characters but SET1")
	remove := f.BoolP("delete", "d", false, "remove")
	squeeze := f.BoolP("squeeze-repeats", "s", false, "print one of repeated characters of the last set")
	truncate := f.BoolP("truncate-set1", "t", false, "only as many characters of SET1 as SET2 has")
	f.SetInterspersed(false)
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	want := 2
	if *remove != *squeeze {
		want = 1
	}
	if f.NArg() < want || f.NArg() > 2 {
		return tool.Misused(f)
	}
	first, err := set(f.Arg(0))
	var second []rune
	if err == nil && f.NArg() == 2 {
		second, err = set(f.Arg(1))
	}
	if err != nil {
		return tool.Complain("tr", err)
	}
	if *truncate && f.NArg() == 2 {
		first = first[:min(len(first), len(second))]
	}
	t := newTranslation(first, second, *complement || *upper, *remove, *squeeze)
	out, flush := tool.Output()
	defer flush()
	if err := t.run(bufio.NewReader(tool.Flushing(os.Stdin)), out); err != nil {
		return tool.Complain("tr", err)
	}
	return 0
}

// translation is what tr does with a character.
type translation struct {
	in         map[rune]rune // the first set, and what replaces its members
	complement bool
	last       rune // what replaces what is not in the first set, if complement
	replace    bool
	remove     bool
	squeezed   map[rune]bool // nil: the first set's
	squeeze    bool
}

func newTranslation(first, second []rune, complement, remove, squeeze bool) *translation {
	t := &translation{in: make(map[rune]rune), complement: complement, remove: remove, squeeze: squeeze}
	t.replace = len(second) > 0 && !remove
	for i, r := range first {
		to := r
		if t.replace {
			to = second[min(i, len(second)-1)]
		}
		t.in[r] = to
	}
	if len(second) > 0 {
		t.last = second[len(second)-1]
		t.squeezed = make(map[rune]bool)
		for _, r := range second {
			t.squeezed[r] = true
		}
	}
	return t
}

// member reports whether the character is in the first set.
func (t *translation) member(r rune) bool {
	_, ok := t.in[r]
	return ok != t.complement
}

func (t *translation) run(in *bufio.Reader, out *bufio.Writer) error {
	before := rune(-1)
	for {
		r, err := nextRune(in)
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		r, dropped := t.translate(r, before)
		if dropped {
			continue
		}
		before = r
		if r >= invalid {
			err = out.WriteByte(byte(r - invalid))
		} else {
			_, err = out.WriteRune(r)
		}
		if err != nil {
			return err
		}
	}
}

// nextRune returns the next character. A byte that is not UTF-8 is one, too.
func nextRune(in *bufio.Reader) (rune, error) {
	r, size, err := in.ReadRune()
	if err == nil && r == 0xfffd && size == 1 {
		_ = in.UnreadRune()
		b, _ := in.ReadByte()
		r = rune(b) + invalid
	}
	return r, err
}

// translate returns what a character becomes, or that it is left out. before is the one in front of it.
func (t *translation) translate(r, before rune) (out rune, dropped bool) {
	member := t.member(r)
	if member && t.remove {
		return r, true
	}
	if member && t.replace {
		if r = t.in[r]; t.complement {
			r = t.last
		}
	}
	repeats := t.squeezed[r]
	if t.squeezed == nil {
		repeats = member
	}
	return r, t.squeeze && repeats && r == before
}

// invalid is added to a byte that is not part of a character.
const invalid = 1 << 24

var classes = map[string]string{
	"alpha": "A-Za-z", "digit": "0-9", "alnum": "0-9A-Za-z", "lower": "a-z", "upper": "A-Z",
	"space": "\t\n\v\f\r ", "blank": "\t ", "punct": "!-/:-@\\[-`{-~", "cntrl": "\x00-\x1f\x7f",
	"print": " -~", "graph": "!-~", "xdigit": "0-9A-Fa-f",
}

// set returns the characters of a set.
func set(text string) ([]rune, error) {
	var out []rune
	runes := []rune(text)
	for i := 0; i < len(runes); i++ {
		if class, end, ok := class(runes[i:]); ok {
			expanded, known := classes[class]
			if !known {
				return nil, fmt.Errorf("unknown class %q", class)
			}
			members, err := set(expanded)
			if err != nil {
				return nil, err
			}
			out = append(out, members...)
			i += end
			continue
		}
		r, n := character(runes[i:])
		i += n - 1
		if i+2 < len(runes) && runes[i+1] == '-' {
			to, n := character(runes[i+2:])
			if to < r {
				return nil, fmt.Errorf("invalid range %q", text)
			}
			for ; r <= to; r++ {
				out = append(out, r)
			}
			i += 1 + n
			continue
		}
		out = append(out, r)
	}
	return out, nil
}

// class returns the name of a class such as [:alpha:], and the index of its last character.
func class(runes []rune) (name string, end int, ok bool) {
	text := string(runes)
	if !strings.HasPrefix(text, "[:") {
		return "", 0, false
	}
	at := strings.Index(text, ":]")
	if at < 0 {
		return "", 0, false
	}
	return text[2:at], len([]rune(text[:at])) + 1, true
}

// character returns a character that may be written as \n or \012, and how long that is.
func character(runes []rune) (r rune, length int) {
	if runes[0] != '\\' || len(runes) == 1 {
		return runes[0], 1
	}
	if at := strings.IndexRune(`abfnrtv\`, runes[1]); at >= 0 {
		return rune("\a\b\f\n\r\t\v\\"[at]), 2
	}
	digits := 0
	for digits < 3 && 1+digits < len(runes) && runes[1+digits] >= '0' && runes[1+digits] <= '7' {
		digits++
	}
	if digits > 0 {
		n, _ := strconv.ParseUint(string(runes[1:1+digits]), 8, 16)
		return rune(n), 1 + digits
	}
	return runes[1], 2
}
