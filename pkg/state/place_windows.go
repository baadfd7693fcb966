package state

import (
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sys/windows"
)

// parents is the user's own directory for what stays on this machine. Windows lets nobody
// else in there but the machine's administrators, and so into what is made in it.
func (p Place) parents() []parent {
	dir := os.Getenv("LOCALAPPDATA")
	if !filepath.IsAbs(dir) {
		return nil
	}
	return []parent{{path: dir, fits: func(*os.File) error { return nil }}}
}

// onlyOurs tells why a directory is not the user's alone. What an administrator makes
// belongs to all of them.
func onlyOurs(dir *os.File) error {
	security, err := windows.GetSecurityInfo(windows.Handle(dir.Fd()), windows.SE_FILE_OBJECT, windows.OWNER_SECURITY_INFORMATION)
	if err != nil {
		return err
	}
	owner, _, err := security.Owner()
	if err != nil {
		return err
	}
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return err
	}
	if owner.Equals(user.User.Sid) || owner.IsWellKnown(windows.WinBuiltinAdministratorsSid) {
		return nil
	}
	return errors.New("it belongs to another user")
}
