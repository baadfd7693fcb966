// Package clock has date and touch, and reads times as people type them.
package clock

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
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
	rfc3339 := f.String("rfc-3339", "", "RFC 3339: date, seconds or ns")
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
		at, err = Parse(*text, at)
	}
	if err != nil {
		return tool.Complain("date", err)
	}
	if *utc {
		at = at.UTC()
	} else {
		at = at.Local()
	}
	format, err := dateFormat(at, *rfc, *iso, *rfc3339)
	if err != nil {
		return tool.Complain("date", err)
	}
	if f.NArg() > 0 {
		if f.Arg(0) == "" || f.Arg(0)[0] != '+' {
			return tool.Complain("date", errors.New("the toolbox does not set the time; a format begins with +"))
		}
		format = f.Arg(0)[1:]
	}
	tool.Println(timefmt.Format(at, withNanoseconds(at, format)))
	return 0
}

// withNanoseconds replaces the directives that package timefmt lacks.
func withNanoseconds(at time.Time, format string) string {
	nano := fmt.Sprintf("%09d", at.Nanosecond())
	return strings.NewReplacer("%%", "%%", "%N", nano, "%9N", nano, "%6N", nano[:6], "%3N", nano[:3], "%:z", at.Format("-07:00"),
		"%-N", strings.TrimLeft(nano[:8], "0")+nano[8:], "%q", strconv.Itoa((int(at.Month())+2)/3)).Replace(format)
}

// dateFormat returns the format that options ask for.
func dateFormat(at time.Time, rfc bool, iso, rfc3339 string) (string, error) {
	zone := at.Format("-07:00")
	switch {
	case rfc:
		return "%a, %d %b %Y %H:%M:%S %z", nil
	case rfc3339 != "":
		for _, unit := range []struct{ name, format string }{{"date", ""}, {"seconds", " %H:%M:%S" + zone}, {"ns", " %H:%M:%S.%N" + zone}} {
			if strings.HasPrefix(unit.name, rfc3339) {
				return "%Y-%m-%d" + unit.format, nil
			}
		}
		return "", fmt.Errorf("invalid argument %q of --rfc-3339", rfc3339)
	case iso != "":
		for _, unit := range []struct{ name, format string }{
			{"date", ""}, {"hours", "T%H" + zone}, {"minutes", "T%H:%M" + zone}, {"seconds", "T%H:%M:%S" + zone}, {"ns", "T%H:%M:%S,%N" + zone},
		} {
			if strings.HasPrefix(unit.name, iso) {
				return "%Y-%m-%d" + unit.format, nil
			}
		}
		return "", fmt.Errorf("invalid argument %q of -I", iso)
	}
	return "%a %b %e %H:%M:%S %Z %Y", nil
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
	return tool.Each("touch", f.Args(), func(path string) error {
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
		if stat, ok := info.Sys().(*syscall.Stat_t); ok && *modified && !*access {
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
		return Parse(date, time.Now())
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
