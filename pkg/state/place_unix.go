//go:build unix

package state

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
)

// runtimeVariable names the user's directory for what lives as long as a login:
// https://specifications.freedesktop.org/basedir-spec/latest/
const runtimeVariable = "XDG_RUNTIME_DIR"

// parents are the user's runtime directory, that of the system's for root, and the Docker
// CLI's configuration directory. None of them is shared: there is none in /tmp.
func (p Place) parents() []parent {
	var list []parent
	if dir := os.Getenv(runtimeVariable); filepath.IsAbs(dir) {
		list = append(list, parent{path: dir, fits: onlyOurs})
	}
	if runtime.GOOS == "linux" && os.Geteuid() == 0 {
		list = append(list, parent{path: "/run", fits: unshared})
	}
	return append(list, parent{path: p.Config, fits: unshared, made: true})
}

// onlyOurs tells why a directory is not the user's alone.
func onlyOurs(dir *os.File) error {
	const others = 0o077
	mode, err := ours(dir)
	if err == nil && mode&others != 0 {
		err = fmt.Errorf("its mode is %#o, not 0700", mode)
	}
	return err
}

// unshared tells why somebody else may change what is in a directory.
func unshared(dir *os.File) error {
	const othersWrite = 0o022
	mode, err := ours(dir)
	if err == nil && mode&othersWrite != 0 {
		err = fmt.Errorf("others may write there: its mode is %#o", mode)
	}
	return err
}

// ours is the mode of a directory that belongs to the user.
func ours(dir *os.File) (os.FileMode, error) {
	info, err := dir.Stat()
	if err != nil {
		return 0, bare(err)
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, errors.New("its owner is unknown")
	}
	if int(owner.Uid) != os.Geteuid() {
		return 0, fmt.Errorf("it belongs to user %d", owner.Uid)
	}
	return info.Mode().Perm(), nil
}
