//go:build linux

package dialer

import (
	"errors"
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/join"
	"github.com/nsjoin/docker-nsjoin/pkg/memfd"
	"github.com/nsjoin/docker-nsjoin/pkg/watchdog"
)

// WatchdogArg as the only argument makes the helper a watchdog of a bound socket's file.
const WatchdogArg = "unlink"

// boundFile is the file of a socket that was bound in the container. A process of the container may have chosen the
// directory and what is there: nothing but a socket is removed, the one that was there when it was bound.
type boundFile struct {
	dir      *os.File // opened with O_PATH by the process that bound the socket
	name     string
	dev, ino uint64
	watchdog *watchdog.Watchdog // removes the file if this process is killed
	once     sync.Once
}

// removeTimeout limits the removal: the file system may be served by a process of the container.
const removeTimeout = 5 * time.Second

// guard starts the watchdog of a socket's file.
func (d *Dialer) guard(taken *join.Taken, fd int, name string) (*boundFile, error) {
	// The child opens it so. Another descriptor is one that a process of the container has put there: package os would poll it,
	// and close(2) could wait.
	flags, err := unix.FcntlInt(uintptr(taken.Directory), unix.F_GETFL, 0)
	if err == nil && flags&unix.O_PATH == 0 {
		err = errors.New("the directory is another file")
	}
	if err != nil {
		return nil, d.forged(err)
	}
	f := &boundFile{dir: os.NewFile(uintptr(taken.Directory), path.Dir(name)), name: path.Base(name)}
	taken.Directory = -1
	err = f.identify(fd)
	if err == nil {
		err = f.watch()
	}
	if err != nil {
		f.dir.Close()
		return nil, fmt.Errorf("UNIX socket %q in %q: %w", name, d.Plan.Target, err)
	}
	d.unix.mu.Lock()
	d.unix.bound[f] = true
	d.unix.mu.Unlock()
	return f, nil
}

// identify reads which file the socket is bound to.
func (f *boundFile) identify(fd int) error {
	var st unix.Stat_t
	if err := f.within(func() error { return unix.Fstatat(int(f.dir.Fd()), f.name, &st, unix.AT_SYMLINK_NOFOLLOW) }); err != nil {
		return fmt.Errorf("find its file: %w", err)
	}
	f.dev, f.ino = st.Dev, st.Ino
	// The kernel's own answer needs CAP_NET_ADMIN over the network.
	file, err := unix.IoctlRetInt(fd, siocUnixFile)
	if errors.Is(err, unix.EPERM) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("find its file: SIOCUNIXFILE: %w", err)
	}
	defer unix.Close(file)
	if err := unix.Fstat(file, &st); err != nil {
		return fmt.Errorf("find its file: %w", err)
	}
	if f.dev != st.Dev || f.ino != st.Ino {
		return errors.New("its file was replaced by another one at once")
	}
	return nil
}

// siocUnixFile opens the file that a UNIX socket is bound to; linux/un.h, since Linux 4.12.
const siocUnixFile = unix.SIOCPROTOPRIVATE

// watch starts the watchdog.
func (f *boundFile) watch() error {
	order, err := memfd.Create("docker-nsjoin-unlink", unix.MFD_NOEXEC_SEAL)
	if err != nil {
		return err
	}
	defer order.Close()
	if _, err := fmt.Fprintf(order, "%d %d\n%s", f.dev, f.ino, f.name); err != nil {
		return err
	}
	alive, conn, err := os.Pipe()
	if err != nil {
		return err
	}
	f.watchdog, err = watchdog.Start(join.ForkWatchdog, []string{join.Name, WatchdogArg}, alive, conn, f.dir, order)
	return err
}

// remove removes the file, and ends the watchdog.
func (u *unixSide) remove(f *boundFile) {
	f.once.Do(func() {
		u.mu.Lock()
		delete(u.bound, f)
		u.mu.Unlock()
		if f.within(f.unlink) != errStuck { //nolint:errorlint // it is not wrapped
			f.dir.Close()
		}
		f.watchdog.Stop()
	})
}

// removeAll removes all files that are left.
func (u *unixSide) removeAll() {
	u.mu.Lock()
	var left []*boundFile
	for f := range u.bound {
		left = append(left, f)
	}
	u.mu.Unlock()
	for _, f := range left {
		u.remove(f)
	}
}

var errStuck = errors.New("its file system does not answer")

// within calls do, and waits no longer than removeTimeout.
func (f *boundFile) within(do func() error) error {
	done := make(chan error, 2) //nolint:mnd // one of each
	go func() { done <- do() }()
	timer := time.AfterFunc(removeTimeout, func() { done <- errStuck }) // a time.Timer's channel would make the helper 60 KB larger
	defer timer.Stop()
	return <-done
}

// unlink removes the file if it is still the socket.
func (f *boundFile) unlink() error {
	var st unix.Stat_t
	if err := unix.Fstatat(int(f.dir.Fd()), f.name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFSOCK || st.Dev != f.dev || st.Ino != f.ino {
		return unix.ESTALE
	}
	return unix.Unlinkat(int(f.dir.Fd()), f.name, 0)
}

// RunWatchdog is the watchdog's main function. It runs when the helper is gone.
func RunWatchdog() error {
	const mostText = 1 << 12
	dir, order := os.Stdout, os.Stderr
	text := make([]byte, mostText)
	n, err := unix.Pread(int(order.Fd()), text, 0)
	if err != nil {
		return err
	}
	f := &boundFile{dir: dir}
	head, name, _ := strings.Cut(string(text[:n]), "\n")
	dev, ino, _ := strings.Cut(head, " ")
	var errs [2]error
	f.dev, errs[0] = strconv.ParseUint(dev, 10, 64)
	f.ino, errs[1] = strconv.ParseUint(ino, 10, 64)
	if err := errors.Join(errs[:]...); err != nil {
		return fmt.Errorf("parse the order: %w", err)
	}
	f.name = name
	return f.within(f.unlink) // this process ends, whatever its thread waits for
}
