package transfer

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/files/quote"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/files/remove"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/walk"
)

// Mv moves files.
func Mv(args []string) int {
	c := &copier{name: "mv", recursive: true, keep: keepAll}
	f := tool.Flags("mv", "[-finuvT] SOURCE... TARGET")
	f.BoolP("force", "f", false, "ask nothing (the default)")
	f.BoolVarP(&c.interactive, "interactive", "i", false, "ask before a file is overwritten")
	f.BoolVarP(&c.noClobber, "no-clobber", "n", false, "overwrite nothing")
	f.BoolVarP(&c.update, "update", "u", false, "only if the source is newer")
	f.BoolVarP(&c.verbose, "verbose", "v", false, "print what is done")
	backups := addBackups(f)
	noTarget := f.BoolP("no-target-directory", "T", false, "the target is no directory to move into")
	target := f.StringP("target-directory", "t", "", "the directory to move into")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	c.suffix = backups()
	sources := f.Args()
	if *target == "" && len(sources) > 1 {
		sources, *target = sources[:len(sources)-1], sources[len(sources)-1]
	}
	if len(sources) == 0 || *target == "" {
		return tool.Misused(f)
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
	s, err := walk.Argument(from).Stat(false)
	if err != nil {
		return err
	}
	if !c.wanted(walk.Argument(to), &s) {
		return nil
	}
	if err := c.backup(walk.Argument(to)); err != nil {
		return err
	}
	err = rename(from, to)
	if errors.Is(err, unix.EXDEV) { // to another file system
		err = across(from, to)
	}
	if link, ok := errors.AsType[*os.LinkError](err); ok {
		return fmt.Errorf("%s to %s: %w", tool.Printable(from), tool.Printable(to), link.Err)
	}
	if err == nil && c.verbose {
		tool.Printf("renamed %s -> %s\n", quote.Always(from), quote.Always(to))
	}
	return err
}

// rename is rename(2), which replaces an empty directory too. os.Rename does not.
func rename(from, to string) error {
	if err := unix.Rename(from, to); err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return nil
}

// across moves a file to another file system. The copy is made beside the target and takes its name when it is
// complete: as with rename(2), the target is replaced, also a link, or stays as it was.
func across(from, to string) error {
	to = strings.TrimRight(to, "/")
	dir, err := os.MkdirTemp(filepath.Dir(to), ".mv-*")
	if err != nil {
		return err
	}
	defer remove.Tree("mv", dir)
	own, err := ownDirectory(dir)
	if err != nil {
		return err
	}
	defer own.Close() //nolint:errcheck // it has no directory above it
	all := &copier{name: "mv", recursive: true, keep: keepAll}
	all.copy(walk.Argument(from), own.Entry("new"))
	if all.status != 0 {
		return fmt.Errorf("%s: not removed, since not all was copied", tool.Printable(from))
	}
	if err := own.Entry("new").RenameTo(walk.Argument(to)); err != nil {
		return err
	}
	if !remove.Tree("mv", from) {
		return errors.New("not all of it is removed")
	}
	return nil
}

// ownDirectory opens a directory that was just made. One that another user has put in its place is refused.
func ownDirectory(path string) (*walk.Dir, error) {
	dir, err := walk.Argument(path).OpenDir(false)
	if err != nil {
		return nil, err
	}
	s, err := dir.Stat()
	if err == nil && (int(s.Uid) != os.Geteuid() || s.Mode&0o077 != 0) {
		err = fmt.Errorf("%s: it was replaced meanwhile", tool.Printable(path))
	}
	if err != nil {
		_ = dir.Close()
		return nil, err
	}
	return dir, nil
}
