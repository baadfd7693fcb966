//go:build linux

package observe

import (
	"errors"
	"fmt"
	"os"
	"path"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/inroot"
	"github.com/nsjoin/docker-nsjoin/pkg/programs"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// readPrograms finds the programs of a directory of the engine's host, if the command gets them. The directory is found
// beneath the root directory of a process with the host's mounts, and stays open: nothing is looked up by its path again.
func (o *Observation) readPrograms(r *request.Request) error {
	switch {
	case r.View != nil && len(r.View.OwnDirs) > 0:
		return o.readOwnPrograms(r.View.OwnDirs, mayHaveScripts(r))
	case r.View == nil || r.View.HostDir == "":
		return nil
	}
	name := string(r.View.HostDir)
	if err := o.findPrograms(name, mayHaveScripts(r)); err != nil {
		err = fmt.Errorf("--tools engine:%s: %w", name, err)
		switch {
		case errors.Is(err, unix.ENOENT):
			err = exit.Hint(err, "the directory must be on the engine's host")
		case errors.Is(err, unix.ELOOP):
			err = exit.Hint(fmt.Errorf("--tools engine:%s: %w", name, unix.ELOOP),
				"a link is not followed, since a container may have made it: name the directory that it leads to")
		}
		return err
	}
	if left := o.HostPrograms.Left(); left != "" {
		o.Facts.ProgramsLeft = fmt.Sprintf("left out of %s: %s", name, left)
	}
	o.Facts.Programs = o.HostPrograms.Files
	return nil
}

// mayHaveScripts reports whether the command's programs may be scripts. The kernel runs a script by its interpreter, which is
// a file of the container's: with more rights than the container has, it could run what the container's root put there.
func mayHaveScripts(r *request.Request) bool { return !r.Profile.Adds() || r.TrustContainer }

func (o *Observation) findPrograms(name string, scripts bool) error {
	root, err := o.host.open("root", unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	defer root.Close()
	if o.hostDir, err = inroot.OpenWithoutLinks(root, name); err != nil {
		return err
	}
	o.HostPrograms, err = programs.FindOpened("/proc/self/fd/"+strconv.Itoa(int(o.hostDir.Fd())), path.Base(name), runtime.GOARCH, scripts)
	return err
}

// readOwnPrograms finds the programs in directories of the image that the helper's container was made from. Links in the
// image lead nowhere else: the helper's container sees the host's processes in /proc.
func (o *Observation) readOwnPrograms(names []string, scripts bool) error {
	root, err := os.Open("/")
	if err != nil {
		return err
	}
	defer root.Close()
	var dirs []programs.Dir
	for _, name := range names {
		f, err := inroot.OpenPath(root, name)
		if err != nil {
			continue // PATH may have more than there is
		}
		o.ownDirs = append(o.ownDirs, f)
		open, err := inroot.Reopen(f, unix.O_RDONLY|unix.O_DIRECTORY)
		if err != nil {
			continue
		}
		defer open.Close()
		dirs = append(dirs, programs.Dir{File: open, Path: "/proc/self/fd/" + strconv.Itoa(int(f.Fd())), Name: name})
	}
	if o.HostPrograms, err = programs.InAll(dirs, runtime.GOARCH, scripts); err != nil {
		return fmt.Errorf("--root target: programs of the image: %w", err)
	}
	if left := o.HostPrograms.Left(); left != "" {
		o.Facts.ProgramsLeft = "left out of the image: " + left
	}
	o.Facts.Programs = o.HostPrograms.Files
	return nil
}
