//go:build linux

package mountrecord

import (
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/mounts"
)

// RemoveEnded removes the directories of other containers than the one of d that have no record that is needed. root is as
// for Open. Directories that another call has locked are left to it.
func (d *Dir) RemoveEnded(root *os.File, needed func(*mounts.Record) bool) {
	top, err := openTop(root)
	if err != nil {
		return
	}
	defer top.Close()
	names, err := namesIn(top, "")
	if err != nil {
		return
	}
	for _, name := range names {
		dir, err := openDir(top, name, false)
		if err != nil {
			continue
		}
		other := &Dir{dir}
		if unix.Flock(int(dir.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
			other.removeIfEnded(top, name, needed)
		}
		dir.Close()
	}
}

func (d *Dir) removeIfEnded(top *os.File, name string, needed func(*mounts.Record) bool) {
	list, err := d.List()
	if err != nil {
		return
	}
	if slices.ContainsFunc(list, needed) {
		return
	}
	for _, r := range list {
		d.Remove(r)
	}
	_ = unix.Unlinkat(int(d.dir.Fd()), next, 0)
	_ = unix.Unlinkat(int(top.Fd()), name, unix.AT_REMOVEDIR)
}

// Peek returns the records of a container without locking them: some may be of mounts that are being made, or that are
// not there any more. root is as for Open.
func Peek(root *os.File, container string) []*mounts.Record {
	top, err := openTop(root)
	if err != nil {
		return nil
	}
	defer top.Close()
	dir, err := openDir(top, container, false)
	if err != nil {
		return nil
	}
	defer dir.Close()
	list, err := (&Dir{dir}).List()
	if err != nil {
		return nil
	}
	return list
}
