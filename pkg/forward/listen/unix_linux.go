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

// permit gives a socket's file its mode, and returns which file it is. In a directory of another user, that user may have
// put a link there: nothing but a socket of this user's is changed.
func permit(path string, mode fs.FileMode) (fs.FileInfo, error) {
	f, err := os.OpenFile(path, unix.O_PATH|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); !ok || info.Mode().Type() != fs.ModeSocket || int(owner.Uid) != os.Geteuid() {
		return nil, errors.New("the socket was replaced by another file at once")
	}
	if err := os.Chmod(fmt.Sprintf("/proc/self/fd/%d", f.Fd()), mode); err != nil {
		return nil, err
	}
	return f.Stat()
}
