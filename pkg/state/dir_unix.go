//go:build unix

package state

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
)

// runtimeVariable names the user's directory for files that live as long as a login,
// https://specifications.freedesktop.org/basedir-spec/latest/
const runtimeVariable = "XDG_RUNTIME_DIR"

// parents returns the user's runtime directory, the system's one for root, and the Docker CLI's configuration
// directory, the only one that outlives a reboot. Shared directories such as /tmp are never used.
func (d Dir) parents() []parent {
	config := d.config()
	if d.only != nil {
		return []parent{*d.only}
	}
	if d.lasting {
		return []parent{config}
	}
	var list []parent
	if dir := os.Getenv(runtimeVariable); filepath.IsAbs(dir) {
		list = append(list, parent{path: dir, fits: exclusive})
	}
	if isRoot() {
		list = append(list, ofRoot())
	}
	return append(list, config)
}

func (d Dir) config() parent { return parent{path: d.Config, fits: notWritableByOthers, made: true} }

func isRoot() bool { return runtime.GOOS == "linux" && os.Geteuid() == 0 }

func ofRoot() parent { return parent{path: "/run", fits: notWritableByOthers} }

// Elsewhere returns the other directories in which calls of the same user may have their records: one from cron, or under sudo,
// has no variable for the runtime directory, and one of a login session has. There are none if the variable names another
// directory than that of the login: what is there is to be apart.
func (d Dir) Elsewhere() []Dir { return d.elsewhere("/run/user") }

// elsewhere is Elsewhere; logins has the runtime directories of users who are logged in.
func (d Dir) elsewhere(logins string) []Dir {
	login := filepath.Join(logins, strconv.Itoa(os.Geteuid()))
	if dir := os.Getenv(runtimeVariable); runtime.GOOS != "linux" || d.lasting || dir != "" && filepath.Clean(dir) != login {
		return nil
	}
	parents := []parent{{path: login, fits: exclusive}}
	if isRoot() {
		parents = append(parents, ofRoot())
	}
	var list []Dir
	for _, p := range append(parents, d.config()) {
		p.made = false
		list = append(list, Dir{Config: d.Config, only: &p})
	}
	return list
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
