package files

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/itchyny/timefmt-go"
	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// Mv moves files.
func Mv(args []string) int {
	c := &copier{recursive: true, preserve: true}
	f := tool.Flags("mv", "[-finuvT] SOURCE... TARGET")
	f.BoolP("force", "f", false, "ask nothing (the default)")
	f.BoolVarP(&c.interactive, "interactive", "i", false, "ask before a file is overwritten")
	f.BoolVarP(&c.noClobber, "no-clobber", "n", false, "overwrite nothing")
	f.BoolVarP(&c.update, "update", "u", false, "only if the source is newer")
	f.BoolVarP(&c.verbose, "verbose", "v", false, "print what is done")
	noTarget := f.BoolP("no-target-directory", "T", false, "the target is no directory to move into")
	target := f.StringP("target-directory", "t", "", "the directory to move into")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	sources := f.Args()
	if *target == "" && len(sources) > 1 {
		sources, *target = sources[:len(sources)-1], sources[len(sources)-1]
	}
	if len(sources) == 0 || *target == "" {
		f.Usage()
		return tool.Usage
	}
	info, err := os.Stat(*target)
	into := err == nil && info.IsDir() && !*noTarget
	if len(sources) > 1 && !into {
		return tool.Complain("mv", fmt.Errorf("%s: not a directory", tool.Printable(*target)))
	}
	status := 0
	for _, source := range sources {
		to := *target
		if into {
			to = filepath.Join(to, filepath.Base(source))
		}
		if err := c.move(source, to); err != nil {
			status = tool.Complain("mv", err)
		}
	}
	return status
}

func (c *copier) move(from, to string) error {
	info, err := os.Lstat(from)
	if err != nil {
		return err
	}
	if !c.wanted(to, info) {
		return nil
	}
	err = os.Rename(from, to)
	if errors.Is(err, unix.EXDEV) { // to another file system
		all := &copier{recursive: true, preserve: true}
		all.copy(from, to)
		if all.status != 0 {
			return fmt.Errorf("%s: not removed, since not all was copied", tool.Printable(from))
		}
		err = os.RemoveAll(from)
	}
	var link *os.LinkError
	if errors.As(err, &link) {
		return fmt.Errorf("%s to %s: %w", tool.Printable(from), tool.Printable(to), link.Err)
	}
	if err == nil && c.verbose {
		fmt.Printf("%s -> %s\n", tool.Printable(from), tool.Printable(to))
	}
	return err
}

// Rm removes files.
func Rm(args []string) int {
	f := tool.Flags("rm", "[-firv] FILE...")
	force := f.BoolP("force", "f", false, "no word about files that don't exist")
	recursive := f.BoolP("recursive", "r", false, "directories with all in them")
	upper := f.BoolP("Recursive", "R", false, "as -r")
	directory := f.BoolP("dir", "d", false, "empty directories")
	ask := f.BoolP("interactive", "i", false, "ask before each")
	verbose := f.BoolP("verbose", "v", false, "print what is done")
	f.Bool("one-file-system", false, "ignored")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	if f.NArg() == 0 && !*force {
		f.Usage()
		return tool.Usage
	}
	return each("rm", f.Args(), false, func(path string) error {
		if base := filepath.Base(path); base == "." || base == ".." || filepath.Clean(path) == "/" {
			return fmt.Errorf("%s: not removed", tool.Printable(path))
		}
		info, err := os.Lstat(path)
		if errors.Is(err, fs.ErrNotExist) && *force {
			return nil
		}
		if err != nil {
			return err
		}
		if info.IsDir() && !*recursive && !*upper && !*directory {
			return fmt.Errorf("%s: is a directory", tool.Printable(path))
		}
		if *ask {
			fmt.Fprintf(os.Stderr, "rm: remove %s? ", tool.Printable(path))
			var answer string
			_, _ = fmt.Scanln(&answer)
			if answer == "" || answer[0] != 'y' && answer[0] != 'Y' {
				return nil
			}
		}
		remove := os.Remove
		if *recursive || *upper {
			remove = os.RemoveAll
		}
		if err := remove(path); err != nil {
			return err
		}
		if *verbose {
			fmt.Printf("removed %s\n", tool.Printable(path))
		}
		return nil
	})
}

// Rmdir removes empty directories.
func Rmdir(args []string) int {
	f := tool.Flags("rmdir", "[-p] DIR...")
	parents := f.BoolP("parents", "p", false, "the directories above too")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	return each("rmdir", f.Args(), false, func(path string) error {
		for {
			if err := unix.Rmdir(path); err != nil {
				return &os.PathError{Op: "rmdir", Path: path, Err: err}
			}
			path = filepath.Dir(path)
			if !*parents || path == "." || path == "/" {
				return nil
			}
		}
	})
}

// Date prints the time.
func Date(args []string) int {
	f := tool.Flags("date", "[-uIR] [-d TIME | -r FILE] [+FORMAT]")
	utc := f.BoolP("utc", "u", false, "Coordinated Universal Time")
	iso := f.StringP("iso-8601", "I", "", "ISO 8601: date, minutes, seconds or ns")
	f.Lookup("iso-8601").NoOptDefVal = "date"
	rfc := f.BoolP("rfc-email", "R", false, "as in mails")
	text := f.StringP("date", "d", "", "this time: @SECONDS, now, or as 2006-01-02 15:04:05")
	reference := f.StringP("reference", "r", "", "the time of a file")
	if status, ok := tool.Parse(f, tool.Attached(args, "-I", "--iso-8601")); !ok {
		return status
	}
	at := time.Now()
	var seconds int64
	var err error
	switch n, _ := fmt.Sscanf(*text, "@%d", &seconds); {
	case n == 1:
		at = time.Unix(seconds, 0)
	case *text == "" && *reference == "" || *text == "now":
	default:
		at, err = touchTime(*text, "", *reference)
	}
	if err != nil {
		return tool.Complain("date", err)
	}
	if *utc {
		at = at.UTC()
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

// Mounts prints the mounts as mount without arguments does.
func Mounts() int {
	mounts, err := readMounts()
	if err != nil {
		return tool.Complain("mount", err)
	}
	for _, m := range mounts {
		fmt.Printf("%s on %s type %s (%s)\n", tool.Printable(m.source), tool.Printable(m.path), m.kind, m.options)
	}
	return 0
}
