//go:build linux

package observe

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/audit"
	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/inroot"
	"github.com/nsjoin/docker-nsjoin/pkg/kernel"
	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
)

// readAudit reads the host's system-wide file about records. It may be missing; any
// other failure is an error, since the file is there for who must not get around it.
func (o *Observation) readAudit() error {
	root, err := o.host.OpenRoot()
	if err != nil {
		return err
	}
	defer root.Close()
	at, err := inroot.LookAtLink(root, audit.SystemFile)
	if o.host == o.self && (errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM)) {
		// Without openat2(2) nothing of a container can be read, but whether there is the file.
		var st unix.Stat_t
		if errors.Is(unix.Lstat(audit.SystemFile, &st), unix.ENOENT) {
			return nil
		}
	}
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err == nil {
		at.Close() // it is there, and may be a link
		o.Facts.Audit, err = o.readSystemFile(root)
	}
	if err != nil {
		err = kernel.Explain(fmt.Errorf("audit settings of the engine's host, %s: %w", audit.SystemFile, err))
		return exit.Hint(err,
			"without them nothing is joined: root on the engine's host can mend the file, or remove it")
	}
	return nil
}

func (o *Observation) readSystemFile(root *os.File) (*audit.Settings, error) {
	at, err := inroot.Look(root, audit.SystemFile)
	if errors.Is(err, unix.ENOENT) {
		return nil, fmt.Errorf("the link leads nowhere: %w", err)
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
	if st.Uid != 0 && !o.isForeignRoot(st.Uid) {
		return nil, fmt.Errorf("it belongs to uid %d, not to root", st.Uid)
	}
	if st.Mode&0o022 != 0 {
		return nil, fmt.Errorf("others than root may write to it, its mode is %04o", st.Mode&0o7777)
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
		return nil, fmt.Errorf("it has more than %d bytes", audit.MaxSystemFile)
	}
	s, err := audit.ParseSystem(text)
	return &s, err
}

// isForeignRoot tells whether uid is what a user namespace shows of users that are none
// of its own, as a rootless engine sees the host's root.
func (o *Observation) isForeignRoot(uid uint32) bool {
	own, err := o.self.read("uid_map")
	return uid == procfs.OverflowUID() && err == nil && strings.Join(strings.Fields(own), " ") != "0 0 4294967295"
}
