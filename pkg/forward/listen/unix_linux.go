package listen

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// private gives a UNIX socket its mode before it has a name: bind(2) takes it from there.
func private(network, address string, raw syscall.RawConn) error {
	if network != unixNetwork || strings.HasPrefix(address, "@") {
		return nil
	}
	var failed error
	err := raw.Control(func(fd uintptr) { failed = unix.Fchmod(int(fd), ownMode) })
	if err != nil {
		return err
	}
	return failed
}

// permit gives a socket's file its mode, and returns it. In a directory of another user, that user may have put a link there:
// nothing but a socket of this user's is changed.
func permit(path string, mode fs.FileMode) (*file, error) {
	f, err := find(path)
	if err != nil {
		return nil, err
	}
	if err := f.permit(path, mode); err != nil {
		f.dir.Close()
		return nil, err
	}
	return f, nil
}

func (f *file) permit(path string, mode fs.FileMode) error {
	opened, err := os.OpenFile(path, unix.O_PATH|unix.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	defer opened.Close()
	info, err := opened.Stat()
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || info.Mode().Type() != fs.ModeSocket || int(owner.Uid) != os.Geteuid() || !os.SameFile(info, f.info) {
		return errors.New("the socket was replaced by another file at once")
	}
	return os.Chmod(fmt.Sprintf("/proc/self/fd/%d", opened.Fd()), mode)
}
