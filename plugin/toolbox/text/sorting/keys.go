package sorting

import (
	"cmp"
	"strconv"
	"strings"
	"unicode"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

func (o order) compare(a, b string) int {
	c := 0
	switch {
	case o.numeric:
		c = compareNumbers(a, b)
	case o.human:
		c = cmp.Compare(human(a), human(b))
	case o.general:
		c = cmp.Compare(general(a), general(b))
	case o.version:
		c = tool.CompareVersions(a, b)
	case o.month:
		c = cmp.Compare(month(a), month(b))
	default:
		c = cmp.Compare(o.text(a), o.text(b))
	}
	if o.reverse {
		return -c
	}
	return c
}

func (o order) text(s string) string {
	if o.blanks {
		s = strings.TrimLeft(s, " \t")
	}
	if o.fold {
		s = strings.ToUpper(s)
	}
	if o.dictionary {
		s = strings.Map(func(r rune) rune {
			if unicode.IsLetter(r) || unicode.IsDigit(r) || r == ' ' || r == '\t' {
				return r
			}
			return -1
		}, s)
	}
	return s
}

// number returns the number that a text begins with: its sign, its digits before the point without zeros in front,
// and those after it without zeros at the end.
func number(s string) (negative bool, whole, fraction string) {
	s = strings.TrimLeft(s, " \t")
	if strings.HasPrefix(s, "-") {
		negative, s = true, s[1:]
	}
	whole = s[:len(s)-len(strings.TrimLeft(s, "0123456789"))]
	s = s[len(whole):]
	if strings.HasPrefix(s, ".") {
		s = s[1:]
		fraction = strings.TrimRight(s[:len(s)-len(strings.TrimLeft(s, "0123456789"))], "0")
	}
	whole = strings.TrimLeft(whole, "0")
	return negative && whole+fraction != "", whole, fraction
}

// compareNumbers compares numbers of any length.
func compareNumbers(a, b string) int {
	aNegative, aWhole, aFraction := number(a)
	bNegative, bWhole, bFraction := number(b)
	if aNegative != bNegative {
		if aNegative {
			return -1
		}
		return 1
	}
	c := cmp.Or(cmp.Compare(len(aWhole), len(bWhole)), cmp.Compare(aWhole, bWhole), cmp.Compare(aFraction, bFraction))
	if aNegative {
		return -c
	}
	return c
}

func human(s string) float64 {
	s = strings.TrimLeft(s, " \t")
	end := len(s) - len(strings.TrimLeft(s, "-0123456789."))
	value, _ := strconv.ParseFloat(s[:end], 64)
	if end < len(s) {
		if power := strings.IndexByte("KMGTPEZY", byte(unicode.ToUpper(rune(s[end])))); power >= 0 {
			for ; power >= 0; power-- {
				value *= 1024
			}
		}
	}
	return value
}

func general(s string) float64 {
	fields := strings.Fields(s)
	if len(fields) == 0 {
		return 0
	}
	value, _ := strconv.ParseFloat(fields[0], 64)
	return value
}

func month(s string) int {
	s = strings.ToUpper(strings.TrimLeft(s, " \t"))
	if len(s) < 3 {
		return 0
	}
	return (strings.Index("JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC", s[:3]) + 3) / 3
}
