// Package awk has functions of gawk's that github.com/benhoyt/goawk lacks.
package awk

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/itchyny/timefmt-go"
)

// Functions are the functions, by name, as goawk takes them. gensub gets its first argument as a text, and $0 as its fourth: goawk's
// parser is repaired for that when the toolbox is built.
var Functions = map[string]any{
	"and": func(a, b float64, more ...float64) float64 {
		return bits(a, b, more, func(x, y uint64) uint64 { return x & y })
	},
	"or": func(a, b float64, more ...float64) float64 {
		return bits(a, b, more, func(x, y uint64) uint64 { return x | y })
	},
	"xor": func(a, b float64, more ...float64) float64 {
		return bits(a, b, more, func(x, y uint64) uint64 { return x ^ y })
	},
	"compl":    func(a float64) float64 { return float64(^uint64(a) & (1<<53 - 1)) },
	"lshift":   func(a, b float64) float64 { return float64(uint64(a) << uint64(b)) },
	"rshift":   func(a, b float64) float64 { return float64(uint64(a) >> uint64(b)) },
	"gensub":   gensub,
	"mktime":   mktime,
	"strftime": strftime,
	"strtonum": strtonum,
	"systime":  func() float64 { return float64(time.Now().Unix()) },
}

func bits(a, b float64, more []float64, join func(x, y uint64) uint64) float64 {
	n := join(uint64(a), uint64(b))
	for _, one := range more {
		n = join(n, uint64(one))
	}
	return float64(n)
}

// strftime is strftime([FORMAT [, TIME [, UTC]]]).
func strftime(args ...string) string {
	format, at := "%a %b %e %H:%M:%S %Z %Y", time.Now()
	if len(args) > 0 {
		format = args[0]
	}
	if len(args) > 1 {
		seconds, _ := strconv.ParseFloat(strings.TrimSpace(args[1]), 64)
		at = time.Unix(int64(math.Floor(seconds)), 0)
	}
	if len(args) > 2 && args[2] != "" && args[2] != "0" {
		at = at.UTC()
	}
	return timefmt.Format(at, format)
}

// mktime is mktime("YYYY MM DD HH MM SS [DST]" [, UTC]). What is no time is -1.
func mktime(text string, utc ...string) float64 {
	var n [6]int
	fields := strings.Fields(text)
	if len(fields) < len(n) {
		return -1
	}
	for i := range n {
		var err error
		if n[i], err = strconv.Atoi(fields[i]); err != nil {
			return -1
		}
	}
	zone := time.Local
	if len(utc) > 0 && utc[0] != "" && utc[0] != "0" {
		zone = time.UTC
	}
	return float64(time.Date(n[0], time.Month(n[1]), n[2], n[3], n[4], n[5], 0, zone).Unix())
}

// strtonum is a number that may be octal or hexadecimal, up to what is no digit.
func strtonum(text string) float64 {
	text = strings.TrimSpace(text)
	digits, base := text, 0
	sign := 1.0
	if rest, negative := strings.CutPrefix(digits, "-"); negative {
		sign, digits = -1, rest
	}
	switch {
	case strings.HasPrefix(digits, "0x"), strings.HasPrefix(digits, "0X"):
		base, digits = 16, digits[2:]
	case len(digits) > 1 && digits[0] == '0' && strings.Trim(digits, "01234567") == "":
		base = 8
	}
	if base == 0 {
		number := regexp.MustCompile(`^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?`).FindString(text)
		n, _ := strconv.ParseFloat(number, 64)
		return n
	}
	end := 0
	for end < len(digits) && strings.IndexByte("0123456789abcdefABCDEF", digits[end]) >= 0 {
		end++
	}
	n, _ := strconv.ParseUint(digits[:end], base, 64)
	return sign * float64(n)
}

// gensub is gensub(PATTERN, REPLACEMENT, HOW [, TEXT]): HOW is "g" for all matches, or the number of one.
func gensub(pattern, replacement, how, text string) (string, error) {
	re, err := regexp.Compile("(?s:" + pattern + ")")
	if err != nil {
		return "", err
	}
	all := strings.HasPrefix(how, "g") || strings.HasPrefix(how, "G")
	number, _ := strconv.ParseFloat(how, 64)
	which := max(1, int(number))
	var out strings.Builder
	last := 0
	for i, match := range re.FindAllStringSubmatchIndex(text, -1) {
		if !all && i+1 != which {
			continue
		}
		out.WriteString(text[last:match[0]])
		replaced(&out, replacement, text, match)
		last = match[1]
	}
	return out.String() + text[last:], nil
}

// replaced writes a replacement, in which & and \0 are the match, and \1 to \9 its parts.
func replaced(out *strings.Builder, replacement, text string, match []int) {
	part := func(n int) {
		if 2*n+1 < len(match) && match[2*n] >= 0 {
			out.WriteString(text[match[2*n]:match[2*n+1]])
		}
	}
	for i := 0; i < len(replacement); i++ {
		switch c := replacement[i]; {
		case c == '&':
			part(0)
		case c == '\\' && i+1 < len(replacement):
			i++
			if next := replacement[i]; next >= '0' && next <= '9' {
				part(int(next - '0'))
			} else {
				out.WriteByte(next)
			}
		default:
			out.WriteByte(c)
		}
	}
}
