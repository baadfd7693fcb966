// Package settings is the toolbox's sysctl.
package settings

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// root is where the kernel has its settings.
const root = "/proc/sys"

// sysctl is a call of sysctl.
type sysctl struct{ all, names, values, ignore, quiet, write bool }

// Sysctl prints or changes settings of the kernel.
func Sysctl(args []string) int {
	s := &sysctl{}
	f := tool.Flags("sysctl", "[-neNqw] -a | NAME... | NAME=VALUE...")
	f.BoolVarP(&s.all, "all", "a", false, "all settings")
	f.BoolVarP(&s.values, "values", "n", false, "the values only")
	f.BoolVarP(&s.names, "names", "N", false, "the names only")
	f.BoolVarP(&s.ignore, "ignore", "e", false, "no message about settings that are not there")
	f.BoolVarP(&s.quiet, "quiet", "q", false, "do not print what was changed")
	f.BoolVarP(&s.write, "write", "w", false, "the arguments are NAME=VALUE")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	if s.all {
		return s.list(root)
	}
	if f.NArg() == 0 {
		return tool.Misused(f)
	}
	status := 0
	for _, arg := range f.Args() {
		name, value, sets := strings.Cut(arg, "=")
		path := file(name)
		switch {
		case sets:
			status |= s.set(path, value)
		case s.write:
			status |= tool.Complain("sysctl", fmt.Errorf("%q must be of the form NAME=VALUE", arg))
		default:
			status |= s.one(path)
		}
	}
	return status
}

// swapped is the way between a setting's file and its name.
var swapped = strings.NewReplacer(".", "/", "/", ".")

// file returns the file of a setting. Its name may have points or slashes: of what is first, the other one stands for itself.
func file(name string) string {
	if at := strings.IndexAny(name, "./"); at >= 0 && name[at] == '.' {
		name = swapped.Replace(name)
	}
	return filepath.Join(root, filepath.Join("/", name))
}

// name returns the name of a setting's file.
func name(path string) string {
	return swapped.Replace(strings.TrimPrefix(path, root+"/"))
}

// one prints a setting, or those in a directory.
func (s *sysctl) one(path string) int {
	info, err := os.Stat(path)
	switch {
	case err != nil && s.ignore:
		return 0
	case err != nil:
		return s.missing(path)
	case info.IsDir():
		return s.list(path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return s.denied("reading", path, err)
	}
	s.print(path, string(text))
	return 0
}

func (s *sysctl) missing(path string) int {
	return tool.Complain("sysctl", fmt.Errorf("cannot stat %s: No such file or directory", tool.Printable(path)))
}

func (s *sysctl) denied(doing, path string, err error) int {
	return tool.Complain("sysctl", fmt.Errorf("%s key %q: %w", doing, name(path), tool.Reason(errors.Unwrap(err))))
}

// print prints a setting, each line of its value by itself.
func (s *sysctl) print(path, text string) {
	switch {
	case s.names:
		tool.Println(tool.Printable(name(path)))
	case s.values:
		tool.Print(text)
	default:
		for line := range strings.Lines(text) {
			tool.Printf("%s = %s\n", tool.Printable(name(path)), strings.TrimSuffix(line, "\n"))
		}
		if text == "" || text == "\n" {
			tool.Printf("%s = \n", tool.Printable(name(path)))
		}
	}
}

// list prints all settings in a directory that can be read.
func (s *sysctl) list(dir string) int {
	status := 0
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return nil //nolint:nilerr // of a directory that can't be read, nothing is shown
		}
		info, err := entry.Info()
		if err != nil || info.Mode()&0o444 == 0 {
			return nil //nolint:nilerr // it is for writing only
		}
		text, err := os.ReadFile(path)
		if err != nil {
			if !s.ignore {
				status = s.denied("reading", path, err)
			}
			return nil
		}
		if text := string(text); strings.TrimSuffix(text, "\n") != "" || s.names || !strings.Contains(path, "stat_refresh") {
			s.print(path, text)
		}
		return nil
	})
	if err != nil {
		return tool.Complain("sysctl", err)
	}
	return status
}

func (s *sysctl) set(path, value string) int {
	if _, err := os.Stat(path); err != nil {
		if s.ignore {
			return 0
		}
		return s.missing(path)
	}
	out, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err == nil {
		_, err = out.WriteString(value + "\n")
		err = errors.Join(err, out.Close())
	}
	if err != nil {
		return tool.Complain("sysctl", fmt.Errorf("setting key %q: %w", name(path), tool.Reason(err)))
	}
	if !s.quiet {
		s.print(path, value+"\n")
	}
	return 0
}
