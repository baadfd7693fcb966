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

// runtimeVariable names the user's directory for files that live as long as a login,
// https://specifications.freedesktop.org/basedir-spec/latest/
const runtimeVariable = "XDG_RUNTIME_DIR"

// parents returns the user's runtime directory, the system's one for root, and the Docker CLI's configuration
// directory, the only one that outlives a reboot. Shared directories such as /tmp are never used.
func (d Dir) parents() []parent {
	config := parent{path: d.Config, fits: notWritableByOthers, made: true}
	if d.lasting {
		return []parent{config}
	}
	var list []parent
	if dir := os.Getenv(runtimeVariable); filepath.IsAbs(dir) {
		list = append(list, parent{path: dir, fits: exclusive})
	}
	if runtime.GOOS == "linux" && os.Geteuid() == 0 {
		list = append(list, parent{path: "/run", fits: notWritableByOthers})
	}
	return append(list, config)
}

// exclusive returns an error if anyone but the user may enter a directory.
func exclusive(dir *os.File) error {
	const others = 0o077
	mode, err := ownedMode(dir)
	if err == nil && mode&others != 0 {
		err = fmt.Errorf("its mode is %#o, not 0700", mode)
	}
	return err
}

// notWritableByOthers returns an error if anyone but the user may change what is in a directory.
func notWritableByOthers(dir *os.File) error {
	const othersWrite = 0o022
	mode, err := ownedMode(dir)
	if err == nil && mode&othersWrite != 0 {
		err = fmt.Errorf("others may write there: its mode is %#o", mode)
	}
	return err
}

// ownedMode returns the mode of a directory, or an error if it does not belong to the user.
func ownedMode(dir *os.File) (os.FileMode, error) {
	info, err := dir.Stat()
	if err != nil {
		return 0, withoutPath(err)
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
