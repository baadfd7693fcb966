// Package transfer has cp and mv.
package transfer

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/walk"
)

// copier is a call of cp.
type copier struct {
	name                                                              string
	recursive, force, interactive, noClobber, verbose, update, follow bool
	keep                                                              kept
	arguments, oneSystem, hard, symbolic, noContent, parents          bool
	suffix                                                            string // of the old file, which is kept
	status                                                            int
}

// kept are the attributes of a file that its copy gets.
type kept struct{ mode, owner, times bool }

var keepAll = kept{true, true, true}

// set takes the words of --preserve and --no-preserve.
func (k *kept) set(words string, value bool) error {
	for word := range strings.SplitSeq(words, ",") {
		switch word {
		case "mode":
			k.mode = value
		case "ownership":
			k.owner = value
		case "timestamps":
			k.times = value
		case "all":
			*k = kept{value, value, value}
		case "links", "xattr", "context": // a copy has none of the source's
			if value {
				return fmt.Errorf("%s is not kept here", word)
			}
		default:
			return fmt.Errorf("unknown attribute %q", word)
		}
	}
	return nil
}

// Cp copies files.
func Cp(args []string) int {
	c := &copier{name: "cp"}
	f := tool.Flags("cp", "[OPTIONS] SOURCE... TARGET")
	archive := f.BoolP("archive", "a", false, "as -rpP")
	f.BoolVarP(&c.recursive, "recursive", "r", false, "directories too")
	f.BoolVarP(&c.recursive, "Recursive", "R", false, "directories too")
	preserve := f.BoolP("p", "p", false, "keep mode, owner and times")
	list := f.String("preserve", "", "keep these attributes: mode, ownership, timestamps")
	f.Lookup("preserve").NoOptDefVal = "mode,ownership,timestamps"
	without := f.String("no-preserve", "", "do not keep these attributes")
	f.BoolVarP(&c.force, "force", "f", false, "replace a target that can't be opened")
	f.BoolVarP(&c.interactive, "interactive", "i", false, "ask before a file is overwritten")
	f.BoolVarP(&c.noClobber, "no-clobber", "n", false, "overwrite nothing")
	f.BoolVarP(&c.verbose, "verbose", "v", false, "print what is done")
	f.BoolVarP(&c.update, "update", "u", false, "only if the source is newer")
	f.BoolVarP(&c.follow, "dereference", "L", false, "copy what links lead to")
	f.BoolVarP(&c.arguments, "dereference-arguments", "H", false, "copy what links among the arguments lead to")
	noFollow := f.BoolP("no-dereference", "P", false, "copy links themselves")
	f.BoolVarP(noFollow, "d", "d", false, "as -P")
	f.BoolVarP(&c.oneSystem, "one-file-system", "x", false, "leave out what is on other file systems")
	f.BoolVarP(&c.hard, "link", "l", false, "make hard links, not copies")
	f.BoolVarP(&c.symbolic, "symbolic-link", "s", false, "make symbolic links, not copies")
	f.BoolVar(&c.noContent, "attributes-only", false, "copy the attributes, not what is in files")
	f.BoolVar(&c.parents, "parents", false, "with the directories of the source's path")
	backups := addBackups(f)
	reflink := f.String("reflink", "auto", "auto or never: files do not share what is in them")
	sparse := f.String("sparse", "auto", "auto or never: a copy has no holes")
	noTarget := f.BoolP("no-target-directory", "T", false, "the target is no directory to copy into")
	target := f.StringP("target-directory", "t", "", "the directory to copy into")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	if *preserve || *archive {
		c.keep = keepAll
	}
	err := errors.Join(c.keep.words(*list, true), c.keep.words(*without, false), noOther("reflink", *reflink), noOther("sparse", *sparse))
	if err != nil {
		return tool.Complain("cp", err)
	}
	c.suffix = backups()
	c.recursive = c.recursive || *archive
	if !c.recursive && !*noFollow && !c.hard && !c.symbolic {
		c.follow = true
	}
	sources := f.Args()
	if *target == "" && len(sources) > 1 {
		sources, *target = sources[:len(sources)-1], sources[len(sources)-1]
	}
	if len(sources) == 0 || *target == "" {
		return tool.Misused(f)
	}
	return c.all(sources, *target, *noTarget)
}

// words is set for an option that may be missing.
func (k *kept) words(words string, value bool) error {
	if words == "" {
		return nil
	}
	return k.set(words, value)
}

// noOther refuses all values of an option but auto and never.
func noOther(name, value string) error {
	if value == "auto" || value == "never" {
		return nil
	}
	return fmt.Errorf("--%s=%s is not supported here", name, value)
}

// addBackups declares -b, --backup and -S. It returns a function with the suffix of the old files, or nothing.
func addBackups(f *pflag.FlagSet) func() string {
	short := f.BoolP("b", "b", false, "keep a file that is overwritten, as FILE~")
	long := f.Bool("backup", false, "as -b")
	suffix := f.StringP("suffix", "S", "~", "the suffix of files that are kept")
	return func() string {
		if *short || *long || f.Changed("suffix") {
			return *suffix
		}
		return ""
	}
}

// all copies each source to the target, or into it.
func (c *copier) all(sources []string, target string, noTarget bool) int {
	info, err := os.Stat(target)
	into := err == nil && info.IsDir() && !noTarget
	if (len(sources) > 1 || c.parents) && !into {
		return tool.Complain("cp", fmt.Errorf("%s: not a directory", tool.Printable(target)))
	}
	for _, source := range sources {
		to := target
		switch {
		case c.parents:
			below, err := c.above(source, target)
			if err != nil {
				c.fail(err)
				continue
			}
			to = filepath.Join(to, below)
		case into:
			to = filepath.Join(to, filepath.Base(source))
		}
		c.copy(walk.Argument(source), walk.Argument(to))
	}
	return c.status
}

// above makes the directories of a source's path in the target, and returns the path there. It does not lead out.
func (c *copier) above(source, target string) (string, error) {
	below := strings.TrimPrefix(filepath.Clean("/"+source), "/")
	root, err := os.OpenRoot(target)
	if err != nil {
		return "", err
	}
	defer root.Close()
	parts := strings.Split(filepath.Dir(below), "/")
	from := ""
	if filepath.IsAbs(source) {
		from = "/"
	}
	for i := range parts {
		dir := filepath.Join(parts[:i+1]...)
		if dir == "." || dir == "" {
			continue
		}
		info, err := os.Stat(from + dir)
		if err != nil {
			return "", err
		}
		if err := root.Mkdir(dir, info.Mode().Perm()); err != nil && !errors.Is(err, fs.ErrExist) {
			return "", err
		}
	}
	return below, nil
}

func (c *copier) fail(err error) { c.status = tool.Complain(c.name, err) }
