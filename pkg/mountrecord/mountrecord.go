//go:build linux

// Package mountrecord keeps the records of mounts on the engine's host: in /run/docker-nsjoin-host, a directory of
// root's with mode 0700, with a subdirectory for each container, named by its full ID. A container's directory is
// locked while it is open, so that one call at a time changes the container's mounts.
package mountrecord

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/mounts"
)

// Path is where the records are, beneath the root directory of the engine's host. In a user namespace, NameIn has its name.
const Path = parent + "/docker-nsjoin-host"

const parent = "run"

// NameIn returns the directory's name in Path's parent for a helper in the user namespace that a uid_map, as /proc/PID/uid_map
// has it, is of. A rootless engine's host is another view of this machine, which has in its /run a link to each file of the
// machine's own: so its records have the uid in their name that its root has outside.
func NameIn(uidMap string) string {
	name := path.Base(Path)
	if f := strings.Fields(uidMap); len(f) > 1 && f[0] == "0" && f[1] != "0" {
		name += "-" + f[1]
	}
	return name
}

// ownName is NameIn for this process.
func ownName() string {
	const most = 128 // the first line is enough; os.ReadFile would make the helper 100 KB larger
	text := make([]byte, most)
	fd, err := unix.Open("/proc/self/uid_map", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil { // a kernel without user namespaces has none
		return NameIn("")
	}
	defer unix.Close(fd)
	n, _ := unix.Read(fd, text)
	return NameIn(string(text[:max(n, 0)]))
}

const (
	private    = 0o700
	maxSize    = 64 << 10 // of a record, in bytes
	maxRecords = 4096     // of a container
	lockTime   = 30 * time.Second
)

// Dir holds the records of a container. Its descriptor is inherited by processes that are forked without an exec:
// the lock lasts until they have ended, too.
type Dir struct {
	dir *os.File
}

// Open opens and locks the directory of a container, and makes it if it is missing. root is the root directory of the
// engine's host. Directories that are links, or that other users may enter, are refused.
func Open(root *os.File, container string) (*Dir, error) {
	fail := func(err error) (*Dir, error) {
		return nil, exit.Hint(fmt.Errorf("the records of mounts in /%s/%s: %w", parent, ownName(), err),
			"without a record, umount could not tell the mount from the container's own")
	}
	if container == "" || container != path.Base(container) || container[0] == '.' {
		return fail(fmt.Errorf("%q is not an ID", container))
	}
	run, err := openDir(root, parent, false)
	if err != nil {
		return fail(err)
	}
	defer run.Close()
	top, err := openDir(run, ownName(), true)
	if err != nil {
		return fail(err)
	}
	defer top.Close()
	const attempts = 100
	for range attempts {
		dir, err := openDir(top, container, true)
		if errors.Is(err, unix.ENOENT) {
			continue // another call has removed it between making and opening it
		}
		if err != nil {
			return fail(err)
		}
		if err := lock(dir); err != nil {
			dir.Close()
			return fail(err)
		}
		// It may also have been removed before it was locked.
		var st unix.Stat_t
		if err := unix.Fstat(int(dir.Fd()), &st); err == nil && st.Nlink > 0 {
			return &Dir{dir}, nil
		}
		dir.Close()
	}
	return fail(errors.New("they are removed again and again"))
}

// openDir opens a directory in another one without following links. With create it makes it and checks that it is
// private.
func openDir(at *os.File, name string, create bool) (*os.File, error) {
	if create {
		if err := unix.Mkdirat(int(at.Fd()), name, private); err != nil && !errors.Is(err, unix.EEXIST) {
			return nil, fmt.Errorf("make %s: %w", name, err)
		}
	}
	fd, err := unix.Openat2(int(at.Fd()), name, &unix.OpenHow{
		Flags:   unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS,
	})
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	f := os.NewFile(uintptr(fd), name)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		f.Close()
		return nil, err
	}
	if create && (st.Uid != uint32(os.Geteuid()) || st.Mode&0o077 != 0) {
		f.Close()
		return nil, fmt.Errorf("%s belongs to user %d and has mode %04o: it must be private", name, st.Uid, st.Mode&0o7777) //nolint:mnd // all bits
	}
	return f, nil
}

// openTop opens the directory that has the containers' directories.
func openTop(root *os.File) (*os.File, error) { return openDir(root, parent+"/"+ownName(), false) }

// lock locks a directory, and waits for another call that has locked it.
func lock(dir *os.File) error {
	const pause = 20 // milliseconds
	for deadline := time.Now().Add(lockTime); ; {
		err := unix.Flock(int(dir.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil || !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return err
		}
		if time.Now().After(deadline) {
			return errors.New("another call has been changing the container's mounts for a long time")
		}
		_, _ = unix.Poll(nil, pause)
	}
}

// Close removes the directory if there is no record, and unlocks it. root is as for Open.
func (d *Dir) Close(root *os.File, container string) {
	if list, err := d.names(); err == nil && len(list) == 0 {
		_ = unix.Unlinkat(int(d.dir.Fd()), next, 0)
		if top, err := openTop(root); err == nil {
			_ = unix.Unlinkat(int(top.Fd()), container, unix.AT_REMOVEDIR)
			top.Close()
		}
	}
	d.dir.Close()
}

const (
	suffix = ".json"
	next   = "next" // a record that is being written
)

func nameOf(r *mounts.Record) string { return fmt.Sprintf("mount-%d%s", r.ID, suffix) }

// Write writes a record, whole or not at all. It replaces the record with the same ID.
func (d *Dir) Write(r *mounts.Record) error {
	text, err := json.Marshal(r)
	if err == nil && len(text) > maxSize {
		err = errors.New("it is too long")
	}
	if err != nil {
		return fmt.Errorf("record the mount: %w", err)
	}
	dir := int(d.dir.Fd())
	_ = unix.Unlinkat(dir, next, 0)
	fd, err := unix.Openat(dir, next, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return fmt.Errorf("record the mount: %w", err)
	}
	f := os.NewFile(uintptr(fd), next)
	_, err = f.Write(append(text, '\n'))
	if err = errors.Join(err, f.Close()); err == nil {
		err = unix.Renameat(dir, next, dir, nameOf(r))
	}
	if err != nil {
		return fmt.Errorf("record the mount: %w", err)
	}
	return nil
}

// Remove removes a record.
func (d *Dir) Remove(r *mounts.Record) { _ = unix.Unlinkat(int(d.dir.Fd()), nameOf(r), 0) }

// List returns the records, oldest first.
func (d *Dir) List() ([]*mounts.Record, error) {
	names, err := d.names()
	if err != nil {
		return nil, fmt.Errorf("list the records of mounts: %w", err)
	}
	var list []*mounts.Record
	for _, name := range names {
		r, err := d.read(name)
		if err != nil {
			return nil, fmt.Errorf("read the record %s of a mount: %w", name, err)
		}
		list = append(list, r) // slices.SortFunc and slices.Insert make the helper larger
		for at := len(list) - 1; at > 0 && (list[at-1].Time > r.Time || list[at-1].Time == r.Time && list[at-1].Unique > r.Unique); at-- {
			list[at-1], list[at] = r, list[at-1]
		}
	}
	return list, nil
}

func (d *Dir) read(name string) (*mounts.Record, error) {
	fd, err := unix.Openat(int(d.dir.Fd()), name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), name)
	defer f.Close()
	r := &mounts.Record{}
	text, err := io.ReadAll(io.LimitReader(f, maxSize))
	if err == nil {
		err = json.Unmarshal(text, r)
	}
	if err == nil && nameOf(r) != name {
		err = errors.New("it is the record of another mount")
	}
	return r, err
}

// names returns the names of the records.
func (d *Dir) names() ([]string, error) { return namesIn(d.dir, suffix) }

// namesIn returns the names in a directory that end with suffix, without those that begin with a dot.
func namesIn(dir *os.File, suffix string) ([]string, error) {
	fd, err := unix.Openat(int(dir.Fd()), ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	var list []string
	buf := make([]byte, 4<<10)
	for {
		n, err := unix.ReadDirent(fd, buf)
		if err != nil || n <= 0 {
			return list, err
		}
		_, _, some := unix.ParseDirent(buf[:n], -1, nil)
		for _, name := range some {
			if strings.HasSuffix(name, suffix) && name[0] != '.' {
				list = append(list, name)
			}
		}
		if len(list) > maxRecords {
			return nil, fmt.Errorf("there are more than %d", maxRecords)
		}
	}
}
