package audit

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"
)

// Identifier is the program name in the records.
const Identifier = "docker-nsjoin"

// The severity and the facility of the records, syslog(3).
const (
	notice   = 5
	authpriv = 10
)

// MessageID returns journald's MESSAGE_ID for an event.
func MessageID(event string) string {
	if event == begins {
		return "5f6e2d0c8b1f4c0f9a3e7d41c2b86a15"
	}
	return "b3a94e7716d24f2c8e05f1d39c7a6b42"
}

// Text returns the record in the format of to, without the Head.
//
// For journald that is the binary form of the native protocol: each value is preceded by its
// length, so that no value can end early and inject a field.
// https://systemd.io/JOURNAL_NATIVE_PROTOCOL/
//
// For syslog it is one line of ASCII. Values are quoted like Go strings. A truncated value is
// followed by its full length: program="aaa" program_bytes="5000".
func (r Record) Text(to Destination) []byte {
	var b []byte
	if to == Syslog {
		for _, f := range r.Fields {
			b = appendQuoted(b, f, maxLine-maxAppended)
		}
		return b
	}
	for _, f := range []Field{
		{"MESSAGE", r.Message()},
		{"MESSAGE_ID", MessageID(r.Event)},
		{"PRIORITY", strconv.Itoa(notice)},
		{"SYSLOG_FACILITY", strconv.Itoa(authpriv)},
		{"SYSLOG_IDENTIFIER", Identifier},
	} {
		b = appendCounted(b, f.Name, f.Value)
	}
	for _, f := range r.Fields {
		b = Append(b, to, f)
	}
	return b
}

// Append appends a field to a text.
func Append(text []byte, to Destination, f Field) []byte {
	if to == Syslog {
		return appendQuoted(text, f, maxLine)
	}
	return appendCounted(text, "NSJOIN_"+upper(f.Name), f.Value)
}

// Head returns what precedes a record's text: nothing for journald, for syslog the header that
// glibc's syslog(3) writes, RFC 3164. The time is UTC, since a helper in a container does not
// know the host's time zone. The header has no year, so the Unix time follows.
func Head(to Destination, now time.Time, pid int) []byte {
	if to != Syslog {
		return nil
	}
	return fmt.Appendf(nil, "<%d>%s %s[%d]: time=\"%d.%06d\"",
		authpriv<<3|notice, stamp(now.Unix()), Identifier, pid, now.Unix(), now.Nanosecond()/1000)
}

// stamp formats a Unix time like time.Stamp, in UTC. Time.Format would add 40 KB to the helper for
// time zones. Years begin in March here, so that a leap day is the last day of a year.
func stamp(seconds int64) string {
	const months = "MarAprMayJunJulAugSepOctNovDecJanFeb"
	const to1970 = 719468 // days since 1 March of the year 0
	days, second := seconds/86400+to1970, seconds%86400
	day := days % 146097 // of 400 years
	year := (day - day/1460 + day/36524 - day/146096) / 365
	day -= 365*year + year/4 - year/100
	month := (5*day + 2) / 153
	return fmt.Sprintf("%s %2d %02d:%02d:%02d", months[3*month:3*month+3], day-(153*month+2)/5+1,
		second/3600, second/60%60, second%60)
}

func appendCounted(b []byte, name, value string) []byte {
	b = append(append(b, name...), '\n')
	b = binary.LittleEndian.AppendUint64(b, uint64(len(value)))
	return append(append(b, value...), '\n')
}

// Limits of a syslog line and of the values in it, in bytes.
const (
	maxLine     = 8000
	maxAppended = 64
	maxText     = 320
	maxName     = 128 // of each of up to eight containers
	maxProgram  = 800
)

func appendQuoted(b []byte, f Field, limit int) []byte {
	whole := fmt.Sprintf(" %s_bytes=\"%d\"", f.Name, len(f.Value))
	room := limit - len(b) - len(" =") - len(f.Name) - len(whole)
	switch f.Name {
	case "arguments":
	case "container":
		room = min(room, maxName)
	case "program":
		room = min(room, maxProgram)
	default:
		room = min(room, maxText)
	}
	text, cut := quoteWithin(f.Value, room)
	if text == "" {
		return b // not even the quotes fit
	}
	b = fmt.Appendf(b, " %s=%s", f.Name, text)
	if cut {
		b = append(b, whole...)
	}
	return b
}

// quoteWithin quotes text in ASCII, in at most limit bytes, and reports whether it was truncated.
func quoteWithin(text string, limit int) (quoted string, cut bool) {
	if limit < len(`""`) {
		return "", true
	}
	b := []byte{'"'}
	for len(text) > 0 {
		_, size := utf8.DecodeRuneInString(text)
		one := strconv.QuoteToASCII(text[:size])
		one = one[1 : len(one)-1]
		if len(b)+len(one)+1 > limit {
			return string(append(b, '"')), true
		}
		b, text = append(b, one...), text[size:]
	}
	return string(append(b, '"')), false
}

// quoteAll quotes each word, so that the result shows unambiguously where a word ends.
func quoteAll(words []string) string {
	var b []byte
	for i, word := range words {
		if i > 0 {
			b = append(b, ' ')
		}
		b = strconv.AppendQuote(b, word)
	}
	return string(b)
}

// upper returns an ASCII name in upper case.
func upper(name string) string {
	b := []byte(name)
	for i, c := range b {
		if c >= 'a' && c <= 'z' {
			b[i] = c - 'a' + 'A'
		}
	}
	return string(b)
}
