//go:build linux

package mountrecord

import (
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/mounts"
)

// RemoveEnded removes the directories of other containers than the one of d whose runs have ended, as runs says, and
// returns their records. root is as for Open. Directories that another call has locked are left to it.
func (d *Dir) RemoveEnded(root *os.File, runs func(*mounts.Record) bool) (ended []*mounts.Record) {
	top, err := openDir(root, Path, false)
	if err != nil {
		return nil
	}
	defer top.Close()
	names, err := namesIn(top, "")
	if err != nil {
		return nil
	}
	for _, name := range names {
		dir, err := openDir(top, name, false)
		if err != nil {
			continue
		}
		other := &Dir{dir}
		if unix.Flock(int(dir.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
			ended = append(ended, other.removeIfEnded(top, name, runs)...)
		}
		dir.Close()
	}
	return ended
}

func (d *Dir) removeIfEnded(top *os.File, name string, runs func(*mounts.Record) bool) []*mounts.Record {
	list, err := d.List()
	if err != nil {
		return nil
	}
	if slices.ContainsFunc(list, runs) {
		return nil
	}
	for _, r := range list {
		d.Remove(r)
	}
	_ = unix.Unlinkat(int(d.dir.Fd()), next, 0)
	_ = unix.Unlinkat(int(top.Fd()), name, unix.AT_REMOVEDIR)
	return list
}

// Peek returns the records of a container without locking them: some may be of mounts that are being made, or that are
// not there any more. root is as for Open.
func Peek(root *os.File, container string) []*mounts.Record {
	top, err := openDir(root, Path, false)
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
