package clock

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Parse parses a time as people type it: @SECONDS, 2006-01-02 15:04:05, RFC 3339, "2 Jan 2006 10:00", now, yesterday,
// "2 hours ago", "next monday", "2006-01-02 + 3 days".
func Parse(text string, now time.Time) (time.Time, error) {
	text = strings.TrimSpace(text)
	if seconds, ok := strings.CutPrefix(text, "@"); ok {
		whole, fraction, _ := strings.Cut(seconds, ".")
		n, err := strconv.ParseInt(whole, 10, 64)
		nano, fractionErr := strconv.Atoi((fraction + "000000000")[:9])
		if err == nil && fractionErr == nil {
			return time.Unix(n, int64(nano)), nil
		}
		return time.Time{}, fmt.Errorf("%q is no time", text)
	}
	for _, layout := range []string{
		"2006-01-02T15:04", "2006-01-02T15:04:05", time.RFC3339, "2006-01-02 15:04:05 -0700", "2006-01-02 15:04:05 -07:00",
		"2006-01-02 15:04:05-07:00", "2006-01-02 15:04 -0700", time.RFC1123Z, time.RFC1123, time.UnixDate, time.ANSIC,
	} {
		if t, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return t, nil
		}
	}
	w := &dateWords{now: now, zone: now.Location()}
	w.year, w.month, w.day = now.Date()
	w.words = strings.Fields(strings.NewReplacer(",", " ", "+ ", "+", "- ", "-").Replace(strings.ToLower(text)))
	for ok := len(w.words) > 0; !ok || len(w.words) > 0; {
		if !ok || !w.take() {
			return time.Time{}, fmt.Errorf("%q is no time", text)
		}
	}
	return w.time(), nil
}

// dateWords reads a time word by word.
type dateWords struct {
	words    []string
	now      time.Time
	zone     *time.Location
	year     int
	month    time.Month
	day      int
	hasDay   bool // a date was read
	hasYear  bool
	clock    time.Duration // since midnight
	hasClock bool
	weekday  string
	ordinal  int // of the weekday: 1 is next
	years    int
	months   int
	days     int
	later    time.Duration
	last     string // the unit that was read last, and its number
	amount   int
}

// take takes the next words, and reports whether they mean something.
func (w *dateWords) take() bool {
	word := w.words[0]
	w.words = w.words[1:]
	switch word {
	case "now", "today", "this", "at", "on":
		return true
	case "yesterday":
		return w.move(-1, "day")
	case "tomorrow":
		return w.move(1, "day")
	case "midnight":
		w.hasClock = true
		return true
	case "noon":
		w.clock, w.hasClock = 12*time.Hour, true
		return true
	case "utc", "gmt", "z":
		w.zone = time.UTC
		return true
	case "ago":
		return w.move(-2*w.amount, w.last)
	case "next", "last":
		n := map[string]int{"next": 1, "last": -1}[word]
		if len(w.words) == 0 {
			return false
		}
		of := w.words[0]
		w.words = w.words[1:]
		return w.move(n, of) || w.dayOfWeek(of, n)
	}
	return w.move(1, word) || w.dayOfWeek(word, 0) || w.monthName(word) || w.clockTime(word) || w.date(word) || w.number(word)
}

// move takes a unit such as days.
func (w *dateWords) move(n int, unit string) bool {
	unit = strings.TrimSuffix(unit, "s")
	w.amount, w.last = n, unit
	switch unit {
	case "second", "sec":
		w.later += time.Duration(n) * time.Second
	case "minute", "min":
		w.later += time.Duration(n) * time.Minute
	case "hour":
		w.later += time.Duration(n) * time.Hour
	case "day":
		w.days += n
	case "week":
		w.days += 7 * n
	case "fortnight":
		w.days += 14 * n
	case "month":
		w.months += n
	case "year":
		w.years += n
	default:
		return false
	}
	return true
}

var dayNames = []string{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"}

func (w *dateWords) dayOfWeek(word string, ordinal int) bool {
	for _, name := range dayNames {
		if len(word) >= 3 && strings.HasPrefix(name, word) {
			w.weekday, w.ordinal = name, ordinal
			return true
		}
	}
	return false
}

// monthName takes a month, and the day that follows it unless one was before it.
func (w *dateWords) monthName(word string) bool {
	for m := time.January; m <= time.December; m++ {
		if len(word) < 3 || !strings.HasPrefix(strings.ToLower(m.String()), word) {
			continue
		}
		w.month = m
		if !w.hasDay && len(w.words) > 0 {
			if n, err := strconv.Atoi(w.words[0]); err == nil && n >= 1 && n <= 31 && len(w.words[0]) <= 2 {
				w.day, w.words = n, w.words[1:]
			} else {
				w.day = 1
			}
		}
		w.hasDay = true
		return true
	}
	return false
}

// clockTime takes a time of day: 10:00, 10:00:30.5, 10pm, "10:00 pm".
func (w *dateWords) clockTime(word string) bool {
	half := ""
	for _, mark := range []string{"am", "pm"} {
		if before, ok := strings.CutSuffix(word, mark); ok && before != "" {
			word, half = before, mark
		} else if half == "" && len(w.words) > 0 && w.words[0] == mark {
			half, w.words = mark, w.words[1:]
		}
	}
	layouts := []string{"15:04", "15:04:05"}
	if half != "" {
		layouts = append(layouts, "15")
	}
	for _, layout := range layouts {
		t, err := time.Parse(layout, word)
		if err != nil {
			continue
		}
		w.clock, w.hasClock = t.Sub(t.Truncate(24*time.Hour)), true
		if half != "" {
			w.clock %= 12 * time.Hour
		}
		if half == "pm" {
			w.clock += 12 * time.Hour
		}
		return true
	}
	return false
}

// date takes a date in numbers.
func (w *dateWords) date(word string) bool {
	if day, clock, ok := strings.Cut(word, "t"); ok && clock != "" {
		return w.date(day) && w.clockTime(strings.TrimSuffix(clock, "z"))
	}
	for _, layout := range []string{"2006-01-02", "2006-1-2", "2006/01/02", "2006/1/2", "01/02/2006", "1/2/2006", "01/02/06", "20060102", "2-Jan-2006", "02/Jan/2006"} {
		if t, err := time.Parse(layout, word); err == nil {
			w.year, w.month, w.day = t.Date()
			w.hasDay, w.hasYear = true, true
			return true
		}
	}
	if t, err := time.Parse("1/2", word); err == nil {
		w.month, w.day, w.hasDay = t.Month(), t.Day(), true
		return true
	}
	return false
}

// number takes a number: with a unit behind it, a day before a month, a year, hours and minutes, or a zone.
func (w *dateWords) number(word string) bool {
	sign := strings.HasPrefix(word, "+") || strings.HasPrefix(word, "-")
	digits := strings.TrimLeft(word, "+-")
	end := len(digits) - len(strings.TrimLeft(digits, "0123456789"))
	n, err := strconv.Atoi(word[:len(word)-len(digits)+end])
	if err != nil {
		return false
	}
	if unit := digits[end:]; unit != "" { // 2days
		return w.move(n, unit)
	}
	if len(w.words) > 0 && w.move(n, w.words[0]) {
		w.words = w.words[1:]
		return true
	}
	switch {
	case sign && w.hasClock && (len(digits) == 4 || len(digits) == 2):
		if len(digits) == 2 {
			n *= 100
		}
		w.zone = time.FixedZone("", (n/100)*3600+(n%100)*60)
		return true
	case sign:
		return false
	case !w.hasDay && len(w.words) > 0 && n >= 1 && n <= 31 && isMonth(w.words[0]):
		w.day, w.hasDay = n, true
		return true
	case w.hasDay && !w.hasYear && len(digits) == 4:
		w.year, w.hasYear = n, true
		return true
	case !w.hasClock && (len(digits) == 4 || len(digits) <= 2 && w.hasDay) && n%100 < 60:
		if len(digits) <= 2 {
			n *= 100
		}
		w.clock, w.hasClock = time.Duration(n/100)*time.Hour+time.Duration(n%100)*time.Minute, n < 2400
		return w.hasClock
	}
	return false
}

func isMonth(word string) bool {
	return (&dateWords{hasDay: true}).monthName(word)
}

// time returns the time that was read. Without a time of day a date is at midnight, and what is relative is from now.
func (w *dateWords) time() time.Time {
	days := w.days
	if w.weekday != "" && !w.hasDay {
		today := time.Date(w.year, w.month, w.day, 12, 0, 0, 0, w.zone).Weekday()
		wanted := time.Weekday(slices.Index(dayNames, w.weekday))
		days += (int(wanted) - int(today) + 7) % 7
		if w.ordinal > 0 && wanted != today {
			w.ordinal--
		}
		days += 7 * w.ordinal
	}
	clock := w.clock
	if !w.hasClock && !w.hasDay && w.weekday == "" {
		midnight := time.Date(w.now.Year(), w.now.Month(), w.now.Day(), 0, 0, 0, 0, w.now.Location())
		hour, minute, second := w.now.Clock()
		clock = time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute + time.Duration(second)*time.Second + w.now.Sub(midnight)%time.Second
	}
	hours, rest := clock/time.Hour, clock%time.Hour
	return time.Date(w.year+w.years, w.month+time.Month(w.months), w.day+days, int(hours), 0, 0, 0, w.zone).Add(rest).Add(w.later)
}
