package state

import (
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sys/windows"
)

// parents returns the user's own directory for local files. Windows lets only the user and the machine's
// administrators into it, and so into what is made in it.
func (d Dir) parents() []parent {
	dir := os.Getenv("LOCALAPPDATA")
	if !filepath.IsAbs(dir) {
		return nil
	}
	return []parent{{path: dir, fits: func(*os.File) error { return nil }}}
}

// Elsewhere returns no directory: each call of the same user has the same one.
func (d Dir) Elsewhere() []Dir { return nil }

// exclusive returns an error if a directory belongs to another user. What one administrator makes belongs to
// all administrators.
func exclusive(dir *os.File) error {
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
