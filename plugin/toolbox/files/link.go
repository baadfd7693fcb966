package files

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// unixStat is what os.FileInfo.Sys returns.
type unixStat = syscall.Stat_t

// Ln makes links.
func Ln(args []string) int {
	f := tool.Flags("ln", "[-sfnv] TARGET... LINK")
	symbolic := f.BoolP("symbolic", "s", false, "symbolic links")
	force := f.BoolP("force", "f", false, "replace a file")
	noFollow := f.BoolP("no-dereference", "n", false, "replace a link to a directory, instead of making a link in it")
	noDirectory := f.BoolP("no-target-directory", "T", false, "LINK is no directory to make the link in")
	relative := f.BoolP("relative", "r", false, "a link relative to its place")
	verbose := f.BoolP("verbose", "v", false, "print what is done")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	targets, link := f.Args(), "."
	switch len(targets) {
	case 0:
		f.Usage()
		return tool.Usage
	case 1:
	default:
		targets, link = targets[:len(targets)-1], targets[len(targets)-1]
	}
	stat := os.Stat
	if *noFollow {
		stat = os.Lstat
	}
	info, err := stat(link)
	into := err == nil && info.IsDir() && !*noDirectory
	status := 0
	for _, target := range targets {
		name := link
		if into {
			name = filepath.Join(link, filepath.Base(target))
		}
		if *relative {
			if rel, err := filepath.Rel(filepath.Dir(name), target); err == nil {
				target = rel
			}
		}
		if err := makeLink(target, name, *symbolic, *force); err != nil {
			status = tool.Complain("ln", fmt.Errorf("%s: %w", tool.Printable(name), linkReason(err)))
		} else if *verbose {
			fmt.Printf("%s -> %s\n", tool.Printable(name), tool.Printable(target))
		}
	}
	return status
}

func linkReason(err error) error {
	var link *os.LinkError
	if errors.As(err, &link) {
		return link.Err
	}
	return err
}

func makeLink(target, name string, symbolic, force bool) error {
	do := os.Link
	if symbolic {
		do = os.Symlink
	}
	err := do(target, name)
	if force && errors.Is(err, os.ErrExist) {
		if err := os.Remove(name); err != nil {
			return err
		}
		return do(target, name)
	}
	return err
}

// Readlink prints where links lead.
func Readlink(args []string) int {
	f := tool.Flags("readlink", "[-f] FILE...")
	follow := f.BoolP("canonicalize", "f", false, "follow all links; the last element may be missing")
	existing := f.BoolP("canonicalize-existing", "e", false, "follow all links; all must exist")
	noNewline := f.BoolP("no-newline", "n", false, "print no newline")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	status := 0
	for _, path := range f.Args() {
		text, err := "", error(nil)
		switch {
		case *existing:
			text, err = canonical(path)
		case *follow:
			if text, err = canonical(path); err != nil {
				var dir string
				if dir, err = canonical(filepath.Dir(path)); err == nil {
					text = filepath.Join(dir, filepath.Base(path))
				}
			}
		default:
			text, err = os.Readlink(path)
		}
		if err != nil { // as in other implementations, without a message
			status = 1
			continue
		}
		fmt.Print(text)
		if !*noNewline {
			fmt.Println()
		}
	}
	return status
}

func canonical(path string) (string, error) {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", err
	}
	return filepath.Abs(path)
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
	return each("touch", f.Args(), false, func(path string) error {
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
		for _, layout := range []string{"2006-01-02", "2006-01-02 15:04", "2006-01-02 15:04:05", time.RFC3339, "15:04"} {
			if t, err := time.ParseInLocation(layout, date, time.Local); err == nil {
				return t, nil
			}
		}
		return time.Time{}, fmt.Errorf("%q is no time", date)
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
