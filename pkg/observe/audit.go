//go:build linux

package observe

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/audit"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/inroot"
	"github.com/nsjoin/docker-nsjoin/pkg/kernel"
	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
)

// readAudit reads the host's system-wide audit settings. The file may be missing. Any other failure is an
// error, since the caller must not get around the settings.
func (o *Observation) readAudit() error {
	root, err := o.host.OpenRoot()
	if err != nil {
		return err
	}
	defer root.Close()
	at, err := inroot.OpenPathNoFollow(root, audit.SystemFile)
	if o.host == o.self && (errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM)) {
		// Without openat2(2) the file cannot be opened safely, but lstat reports whether it exists.
		var st unix.Stat_t
		if errors.Is(unix.Lstat(audit.SystemFile, &st), unix.ENOENT) {
			return nil
		}
	}
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err == nil {
		at.Close() // the file exists; it may be a link
		o.Facts.Audit, err = o.readSystemFile(root)
	}
	if err != nil {
		err = kernel.Explain(fmt.Errorf("read the audit settings of the engine's host, %s: %w", audit.SystemFile, err))
		return exit.Hint(err,
			"nothing is joined while they cannot be read: as root on the engine's host, correct or remove the file")
	}
	return nil
}

func (o *Observation) readSystemFile(root *os.File) (*audit.Settings, error) {
	at, err := inroot.OpenPath(root, audit.SystemFile)
	if errors.Is(err, unix.ENOENT) {
		return nil, fmt.Errorf("the symbolic link is dangling: %w", err)
	}
	if err != nil {
		return nil, err
	}
	defer at.Close()
	if err := inroot.Regular(at); err != nil {
		return nil, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(at.Fd()), &st); err != nil {
		return nil, err
	}
	if st.Uid != 0 && !o.isUnmappedRoot(st.Uid) {
		return nil, fmt.Errorf("the file belongs to uid %d, not to root", st.Uid)
	}
	if st.Mode&0o022 != 0 {
		return nil, fmt.Errorf("users other than root may write to it: its mode is %04o", st.Mode&0o7777)
	}
	f, err := inroot.Reopen(at, unix.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, audit.MaxSystemFile+1))
	if err != nil {
		return nil, err
	}
	if len(text) > audit.MaxSystemFile {
		return nil, fmt.Errorf("larger than %d bytes", audit.MaxSystemFile)
	}
	s, err := audit.ParseSystem(text)
	return &s, err
}

// isUnmappedRoot reports whether uid is what this user namespace shows for users without a mapping, such as the
// host's root in a rootless engine's user namespace.
func (o *Observation) isUnmappedRoot(uid uint32) bool {
	remapped, err := o.remapped()
	return err == nil && remapped && uid == procfs.OverflowUID()
}
