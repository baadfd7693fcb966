//go:build unix

package listen

import (
	"io/fs"
	"os"
	"syscall"
)

// isOwn reports whether a file belongs to this user and has one of the modes that our sockets have.
func isOwn(info fs.FileInfo) bool {
	owner, ok := info.Sys().(*syscall.Stat_t)
	mode := info.Mode().Perm()
	return ok && int(owner.Uid) == os.Geteuid() && (mode == ownMode || mode == anyMode)
}
