//go:build linux

package observe

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/dirnames"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/inroot"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

const (
	// entryTimeout is how long the entries may take, or one that does not answer.
	entryTimeout = 3 * time.Second
	// maxUnanswered is how many file systems may not answer. For each, a thread stays behind.
	maxUnanswered = 3
)

// readRoot lists the root directory of p's mounts, if the command gets a view of it.
func (o *Observation) readRoot(r *request.Request, p *Process) error {
	if r.View == nil {
		return nil
	}
	root, err := o.openMountRoot(p)
	if err != nil {
		return err
	}
	if r.View.Tree == "" {
		o.Facts.Root, err = listRoot(root)
	} else {
		o.Facts.Root, err = lookUpAll(root, plan.TargetMounts())
	}
	if err != nil {
		return fmt.Errorf("read the root directory of %s: %w", r.Source(ns.Mnt).Quoted(), err)
	}
	return nil
}

var errNoAnswer = errors.New("the file system does not answer")

// found is what there is at a name. It is gone if nothing is there any more.
type found struct {
	entry plan.Entry
	gone  bool
	err   error
}

// listRoot lists a root directory. The directory is the container's: it may have any number of entries, and each
// may be on a file system that does not answer. Nothing is asked of these file systems but what a path lookup
// asks. listRoot closes root unless a thread is left that uses it.
func listRoot(root *os.File) (plan.Root, error) {
	type list struct {
		names []string
		err   error
	}
	listed := make(chan list, 2)
	go func() {
		names, err := namesIn(root)
		listed <- list{names, err}
	}()
	// Not time.NewTimer, which makes the helper 100 KB larger.
	late := time.AfterFunc(entryTimeout, func() { listed <- list{err: errNoAnswer} })
	defer late.Stop()
	l := <-listed
	if l.err != nil {
		if !errors.Is(l.err, errNoAnswer) {
			root.Close()
		}
		return plan.Root{}, l.err
	}
	if len(l.names) > plan.MaxEntries {
		root.Close()
		return plan.Root{More: true}, nil
	}
	return lookUpAll(root, l.names)
}

// lookUpAll looks up paths in a root directory, and closes it as listRoot does.
func lookUpAll(root *os.File, names []string) (facts plan.Root, err error) {
	for next := 0; next < len(names); {
		answered, err := lookUp(root, names[next:], &facts)
		if err != nil {
			root.Close()
			return plan.Root{}, err
		}
		if next += answered; next == len(names) {
			break
		}
		facts.Silent = append(facts.Silent, names[next])
		if len(facts.Silent) > maxUnanswered {
			return plan.Root{}, exit.Hint(fmt.Errorf("more than %d file systems do not answer, that of %q among them", maxUnanswered, "/"+names[next]),
				"--except mnt runs the host's own programs, which need none of the container's file systems")
		}
		next++
	}
	if len(facts.Silent) == 0 {
		root.Close()
	}
	return facts, nil
}

// lookUp looks up names in root, one after another, until one is not answered in time. It returns how many were
// answered.
func lookUp(root *os.File, names []string, facts *plan.Root) (answered int, err error) {
	answers := make(chan found, len(names)+1) // so that a thread that is late is not kept waiting
	go func() {
		for _, name := range names {
			answers <- entryAt(root, name)
		}
	}()
	late := time.AfterFunc(entryTimeout, func() { answers <- found{err: errNoAnswer} })
	defer late.Stop()
	for i := range names {
		f := <-answers
		switch {
		case errors.Is(f.err, errNoAnswer):
			return i, nil
		case f.err != nil:
			return i, f.err
		case !f.gone:
			facts.Entries = append(facts.Entries, f.entry)
		}
	}
	return len(names), nil
}

// namesIn returns the sorted names in a directory; one more than plan.MaxEntries if there are more.
func namesIn(root *os.File) ([]string, error) {
	fd, err := unix.Openat(int(root.Fd()), ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	dir := os.NewFile(uintptr(fd), "root directory")
	defer dir.Close()
	names, err := dirnames.In(dir, plan.MaxEntries)
	return names[:min(len(names), plan.MaxEntries+1)], err
}

// entryAt finds out what is at a name. It does not stat(2), which would ask the server of a network file system.
func entryAt(root *os.File, name string) found {
	e := plan.Entry{Name: name}
	dir, err := inroot.OpenDirWithoutLinks(root, name)
	if err == nil {
		dir.Close()
		e.Dir = true
		return found{entry: e}
	}
	if errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) {
		var f *os.File
		if f, err = inroot.OpenWithoutLinks(root, name); err == nil {
			defer f.Close()
			e.Link, err = linkOf(f)
		}
	}
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) {
		return found{gone: true} // or its directory is a link
	}
	if err != nil {
		err = fmt.Errorf("%q: %w", "/"+name, err)
	}
	return found{entry: e, err: err}
}

// linkOf returns the target of a symbolic link, or "" for another file.
func linkOf(f *os.File) (string, error) {
	target := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(int(f.Fd()), "", target)
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.EINVAL):
		return "", nil // not a link, readlinkat(2)
	case err != nil:
		return "", err
	}
	return string(target[:n]), nil
}
