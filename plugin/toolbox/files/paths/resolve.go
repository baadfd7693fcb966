package paths

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// Realpath prints paths without links.
func Realpath(args []string) int {
	f := tool.Flags("realpath", "[OPTIONS] FILE...")
	existing := f.BoolP("canonicalize-existing", "e", false, "all elements must exist")
	missing := f.BoolP("canonicalize-missing", "m", false, "no element must exist")
	noLinks := f.BoolP("no-symlinks", "s", false, "leave links as they are")
	f.BoolVar(noLinks, "strip", false, "as -s")
	quiet := f.BoolP("quiet", "q", false, "no messages")
	zero := f.BoolP("zero", "z", false, "end paths with NUL")
	relative := f.String("relative-to", "", "print paths relative to this directory")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	if f.NArg() == 0 {
		return tool.Complain("realpath", errors.New("a file is missing"))
	}
	resolve := func(path string) (string, error) { return resolved(path, *existing, *missing, *noLinks) }
	from, err := "", error(nil)
	if *relative != "" {
		if from, err = resolve(*relative); err != nil {
			return tool.Complain("realpath", err)
		}
	}
	end, status := "\n", 0
	if *zero {
		end = "\x00"
	}
	for _, path := range f.Args() {
		text, err := resolve(path)
		if err == nil && from != "" {
			text, err = filepath.Rel(from, text)
		}
		switch {
		case err == nil:
			tool.Print(tool.Shown(text) + end)
		case *quiet:
			status = 1
		default:
			status = tool.Complain("realpath", err)
		}
	}
	return status
}

// resolved returns a path without links. The last element may be missing, unless all must exist, and with missing any.
func resolved(path string, existing, missing, noLinks bool) (string, error) {
	if path == "" {
		return "", errors.New("an empty name")
	}
	if noLinks {
		return filepath.Abs(path)
	}
	text, err := canonical(path)
	if err == nil || existing || !errors.Is(err, fs.ErrNotExist) && !missing {
		return text, err
	}
	dir, base := filepath.Split(strings.TrimRight(path, "/"))
	if target, err := os.Readlink(strings.TrimRight(path, "/")); err == nil { // it leads to what does not exist
		if !filepath.IsAbs(target) {
			target = filepath.Join(dir, target)
		}
		dir, base = filepath.Split(target)
	}
	if dir == "" {
		dir = "."
	}
	if missing {
		text, err = resolved(dir, false, true, false)
	} else {
		text, err = canonical(dir)
	}
	return filepath.Join(text, base), err
}

// Readlink prints where links lead.
func Readlink(args []string) int {
	f := tool.Flags("readlink", "[-f] FILE...")
	follow := f.BoolP("canonicalize", "f", false, "follow all links; the last element may be missing")
	missing := f.BoolP("canonicalize-missing", "m", false, "follow all links; any element may be missing")
	existing := f.BoolP("canonicalize-existing", "e", false, "follow all links; all must exist")
	noNewline := f.BoolP("no-newline", "n", false, "print no newline")
	zero := f.BoolP("zero", "z", false, "end paths with NUL")
	verbose := f.BoolP("verbose", "v", false, "say what is wrong")
	f.BoolP("quiet", "q", false, "do not (the default)")
	f.BoolP("silent", "s", false, "do not (the default)")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	status := 0
	for _, path := range f.Args() {
		text, err := "", error(nil)
		switch {
		case *existing || *follow || *missing:
			text, err = resolved(path, *existing, *missing, false)
		default:
			text, err = os.Readlink(path)
		}
		if err != nil { // as in other implementations, without a message
			status = 1
			if *verbose {
				tool.Complain("readlink", err)
			}
			continue
		}
		tool.Print(tool.Shown(text))
		switch {
		case *zero:
			tool.Print("\x00")
		case !*noNewline || f.NArg() > 1:
			tool.Println()
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
