package files

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/itchyny/timefmt-go"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// Date prints the time.
func Date(args []string) int {
	f := tool.Flags("date", "[-uIR] [-d TIME | -r FILE] [+FORMAT]")
	utc := f.BoolP("utc", "u", false, "Coordinated Universal Time")
	iso := f.StringP("iso-8601", "I", "", "ISO 8601: date, minutes, seconds or ns")
	f.Lookup("iso-8601").NoOptDefVal = "date"
	rfc := f.BoolP("rfc-email", "R", false, "as in mails")
	text := f.StringP("date", "d", "", "this time: @SECONDS, 2006-01-02 15:04:05, yesterday, 2 hours ago, …")
	reference := f.StringP("reference", "r", "", "the time of a file")
	if status, ok := tool.Parse(f, tool.Attached(args, "-I", "--iso-8601")); !ok {
		return status
	}
	at := time.Now()
	if *utc {
		at = at.UTC() // also what a time without a zone is in
	}
	var err error
	switch {
	case *reference != "":
		at, err = touchTime("", "", *reference)
	case *text != "":
		at, err = timeOf(*text, at)
	}
	if err != nil {
		return tool.Complain("date", err)
	}
	if *utc {
		at = at.UTC()
	} else {
		at = at.Local()
	}
	format := "%a %b %e %H:%M:%S %Z %Y"
	switch {
	case *rfc:
		format = "%a, %d %b %Y %H:%M:%S %z"
	case *iso != "":
		format = "%Y-%m-%d"
		for _, unit := range []struct{ name, format string }{{"hours", "T%H"}, {"minutes", "T%H:%M"}, {"seconds", "T%H:%M:%S"}, {"ns", "T%H:%M:%S"}} {
			if strings.HasPrefix(unit.name, *iso) {
				format += unit.format + at.Format("-07:00")
				break
			}
		}
	}
	if f.NArg() > 0 {
		if f.Arg(0) == "" || f.Arg(0)[0] != '+' {
			return tool.Complain("date", errors.New("the toolbox does not set the time; a format begins with +"))
		}
		format = f.Arg(0)[1:]
	}
	format = strings.NewReplacer("%%", "%%", "%N", fmt.Sprintf("%09d", at.Nanosecond()), "%3N", fmt.Sprintf("%03d", at.Nanosecond()/1e6), "%:z", at.Format("-07:00")).Replace(format)
	fmt.Println(timefmt.Format(at, format))
	return 0
}

// Touch sets times, and makes files that are missing.
func Touch(args []string) int {
	f := tool.Flags("touch", "[-acm] [-d TIME | -r FILE | -t [[CC]YY]MMDDhhmm[.ss]] FILE...")
	access := f.BoolP("access", "a", false, "the time of access only")
	noCreate := f.BoolP("no-create", "c", false, "make no files")
	modified := f.BoolP("modified", "m", false, "the time of modification only")
	date := f.StringP("date", "d", "", "the time, as 2006-01-02 15:04:05 or in RFC 3339")
	reference := f.StringP("reference", "r", "", "a file with the time")
	stamp := f.StringP("stamp", "t", "", "the time, as [[CC]YY]MMDDhhmm[.ss]")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	at, err := touchTime(*date, *stamp, *reference)
	if err != nil {
		return tool.Complain("touch", err)
	}
	return each("touch", f.Args(), func(path string) error {
		info, err := os.Stat(path)
		if errors.Is(err, os.ErrNotExist) {
			if *noCreate {
				return nil
			}
			file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o666)
			if err != nil {
				return err
			}
			file.Close()
			info, err = os.Stat(path)
			if err != nil {
				return err
			}
		} else if err != nil {
			return err
		}
		accessed, changed := at, at
		if *access && !*modified {
			changed = info.ModTime()
		}
		if stat, ok := info.Sys().(*unixStat); ok && *modified && !*access {
			accessed = time.Unix(stat.Atim.Unix())
		}
		return os.Chtimes(path, accessed, changed)
	})
}

func touchTime(date, stamp, reference string) (time.Time, error) {
	switch {
	case reference != "":
		info, err := os.Stat(reference)
		if err != nil {
			return time.Time{}, err
		}
		return info.ModTime(), nil
	case date != "":
		return timeOf(date, time.Now())
	case stamp != "":
		for _, layout := range []string{"200601021504", "0601021504", "01021504", "200601021504.05", "0601021504.05", "01021504.05"} {
			if t, err := time.ParseInLocation(layout, stamp, time.Local); err == nil {
				if t.Year() == 0 {
					t = t.AddDate(time.Now().Year(), 0, 0)
				}
				return t, nil
			}
		}
		return time.Time{}, fmt.Errorf("%q is no time", stamp)
	}
	return time.Now(), nil
}

// timeOf parses a time as people type it: @SECONDS, 2006-01-02 15:04:05, RFC 3339, now, yesterday, "2 hours ago",
// "-1 day".
func timeOf(text string, now time.Time) (time.Time, error) {
	text = strings.TrimSpace(text)
	if seconds, err := strconv.ParseInt(strings.TrimPrefix(text, "@"), 10, 64); err == nil && strings.HasPrefix(text, "@") {
		return time.Unix(seconds, 0), nil
	}
	midnight := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, now.Location())
	for _, layout := range []string{
		"2006-01-02", "2006-01-02 15:04", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02T15:04:05", time.RFC3339,
		"2006-01-02 15:04:05 -0700", "2006-01-02 15:04:05 -07:00", time.RFC1123Z, time.RFC1123, time.UnixDate,
	} {
		if t, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return t, nil
		}
	}
	for _, layout := range []string{"15:04", "15:04:05"} { // of today
		if t, err := time.Parse(layout, text); err == nil {
			return midnight.Add(t.Sub(t.Truncate(24 * time.Hour))), nil
		}
	}
	words := strings.Fields(strings.ToLower(text))
	switch strings.Join(words, " ") {
	case "now", "today":
		return now, nil
	case "yesterday":
		return now.AddDate(0, 0, -1), nil
	case "tomorrow":
		return now.AddDate(0, 0, 1), nil
	}
	sign := 1
	if n := len(words); n == 3 && words[2] == "ago" {
		sign, words = -1, words[:2]
	}
	if len(words) == 2 {
		if n, err := strconv.Atoi(strings.TrimPrefix(words[0], "+")); err == nil {
			if t, ok := moved(now, sign*n, strings.TrimSuffix(words[1], "s")); ok {
				return t, nil
			}
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time", text)
}

// moved returns the time so many units later.
func moved(t time.Time, n int, unit string) (time.Time, bool) {
	switch unit {
	case "second", "sec":
		return t.Add(time.Duration(n) * time.Second), true
	case "minute", "min":
		return t.Add(time.Duration(n) * time.Minute), true
	case "hour":
		return t.Add(time.Duration(n) * time.Hour), true
	case "day":
		return t.AddDate(0, 0, n), true
	case "week":
		return t.AddDate(0, 0, 7*n), true
	case "month":
		return t.AddDate(0, n, 0), true
	case "year":
		return t.AddDate(n, 0, 0), true
	}
	return t, false
}
