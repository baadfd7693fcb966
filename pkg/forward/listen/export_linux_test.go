package listen

import (
	"io/fs"
	"net"
)

// Callers is callers.
var Callers = callers

// Permit is permit. It returns what is there afterwards.
func Permit(path string, mode fs.FileMode) (fs.FileInfo, error) {
	f, err := permit(path, mode)
	if err != nil {
		return nil, err
	}
	defer f.dir.Close()
	return f.dir.Lstat(f.name)
}

// Withhold is the first part of suspending a listener of TCP.
func Withhold(l net.Listener) { l.(*tcpListener).withhold() }
