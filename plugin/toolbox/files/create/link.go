package create

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

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
		return tool.Misused(f)
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
			tool.Printf("%s -> %s\n", tool.Printable(name), tool.Printable(target))
		}
	}
	return status
}

func linkReason(err error) error {
	if link, ok := errors.AsType[*os.LinkError](err); ok {
		return link.Err
	}
	return err
}

// makeLink makes a link. An existing file is replaced only by a link that is already made, so that it is not lost if
// that fails.
func makeLink(target, name string, symbolic, force bool) error {
	do := os.Link
	if symbolic {
		do = os.Symlink
	}
	err := do(target, name)
	if !force || !errors.Is(err, os.ErrExist) {
		return err
	}
	old, err := os.Lstat(name)
	if err != nil {
		return err
	}
	if old.IsDir() {
		return errors.New("a directory is not overwritten")
	}
	if isTarget(target, name, old, symbolic) {
		return fmt.Errorf("%s is the same file", tool.Printable(target))
	}
	for n := range 100 {
		temporary := fmt.Sprintf("%s/.ln-%d-%d", filepath.Dir(name), os.Getpid(), n)
		if err = do(target, temporary); errors.Is(err, os.ErrExist) {
			continue
		}
		if err == nil {
			err = os.Rename(temporary, name)
			_ = os.Remove(temporary) // still there if both were the same inode
		}
		return err
	}
	return err
}

// isTarget reports whether a link of this name would replace what it leads to.
func isTarget(target, name string, old fs.FileInfo, symbolic bool) bool {
	targets := []string{target}
	if symbolic && !filepath.IsAbs(target) {
		targets = append(targets, filepath.Join(filepath.Dir(name), target))
	}
	for _, path := range targets {
		info, err := os.Lstat(path)
		if err != nil || !os.SameFile(info, old) {
			continue
		}
		// Another name of the same inode may be replaced.
		dir, err := os.Stat(filepath.Dir(path))
		own, ownErr := os.Stat(filepath.Dir(name))
		if err == nil && ownErr == nil && os.SameFile(dir, own) && filepath.Base(path) == filepath.Base(name) {
			return true
		}
	}
	return false
}
