// Package create has the tools that make directories, links and temporary files.
package create

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/files/permissions"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/walk"
)

// Mkdir makes directories.
func Mkdir(args []string) int {
	f := tool.Flags("mkdir", "[-pv] [-m MODE] DIRECTORY...")
	parents := f.BoolP("parents", "p", false, "also those above; a directory that is there is no error")
	verbose := f.BoolP("verbose", "v", false, "print what is done")
	mode := f.StringP("mode", "m", "", "mode of the directory, as for chmod")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	if f.NArg() == 0 {
		return tool.Misused(f)
	}
	m := &directoryMaker{verbose: *verbose, perm: 0o777}
	mask := unix.Umask(0)
	unix.Umask(mask)
	if *mode != "" {
		perm, err := permissions.Parse(*mode, 0o777, uint32(mask))
		if err != nil {
			return tool.Complain("mkdir", err)
		}
		m.perm, m.exactly = perm, true
	}
	return tool.Each("mkdir", f.Args(), func(path string) error {
		if *parents {
			return m.all(path)
		}
		return m.one(path)
	})
}

// directoryMaker is a call of mkdir.
type directoryMaker struct {
	verbose bool
	perm    uint32
	exactly bool // whatever the umask is
}

// one makes a directory. Its mode is set by a descriptor: another user may put a link there.
func (m *directoryMaker) one(path string) error {
	if err := unix.Mkdir(path, m.perm&0o1777); err != nil {
		return &os.PathError{Op: "mkdir", Path: path, Err: err}
	}
	if m.verbose {
		tool.Printf("mkdir: created directory %s\n", tool.Shown("'"+path+"'"))
	}
	if !m.exactly {
		return nil
	}
	return walk.Argument(path).Chmod(m.perm, false)
}

// all makes a directory and those above it, which the user can write to whatever the umask is.
func (m *directoryMaker) all(path string) error {
	if isDirectory(path) {
		return nil
	}
	if above := filepath.Dir(filepath.Clean(path)); !isDirectory(above) {
		parent := directoryMaker{verbose: m.verbose, perm: 0o777}
		if err := parent.all(above); err != nil {
			return err
		}
	}
	err := m.one(path)
	if os.IsExist(err) && isDirectory(path) { // somebody else has made it
		return nil
	}
	return err
}

func isDirectory(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
