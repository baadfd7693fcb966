//go:build linux

package observe

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/inroot"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// maxUserFile bounds a container's /etc/passwd and /etc/group, in bytes.
const maxUserFile = 4 << 20

// readUser reads who the command's user is, beneath the root of its mounts: the one that
// name names, with the groups of docker run --group-add, or, for "", the one
// that the subject has. It is what the engine makes of it, in moby's
// daemon/oci_linux.go, getUser.
//
// That the account can't be read is a fact, for the plan to judge, unless it is
// needed for the name.
func readUser(s *plan.TargetProcess, root *os.File, name string, groupAdd []string) error {
	passwd, err := readUserFile(root, "/etc/passwd")
	if name == "" {
		s.AccountErr = err
	} else {
		if err == nil {
			err = lookUp(&s.Spec, root, passwd, name, groupAdd)
		}
		if err != nil {
			return fmt.Errorf("user %q: %w", name, err)
		}
	}
	if s.AccountErr == nil {
		s.Account, s.AccountErr = account(root, passwd, s.Spec.UID)
	}
	return nil
}

// lookUp puts the user that name names into spec.
func lookUp(spec *plan.Spec, root *os.File, passwd []byte, name string, groupAdd []string) error {
	group, err := readUserFile(root, "/etc/group")
	if err != nil {
		return err
	}
	u, err := findUser(name, passwd, group)
	if err != nil {
		return err
	}
	added, err := findGroups(groupAdd, group)
	if err != nil {
		return err
	}
	// A line of the container's can have any number. One that the engine cuts to 32 bits
	// could become root's.
	ids := slices.Concat([]int{u.uid, u.gid}, u.groups, added)
	for _, id := range ids {
		if id < 0 || int64(id) >= noID {
			return fmt.Errorf("%d in its /etc/passwd or /etc/group is no number of a user or group", id)
		}
	}
	spec.UID, spec.Groups = uint32(ids[0]), nil
	for _, g := range ids[1:] {
		spec.Groups = append(spec.Groups, uint32(g))
	}
	spec.GID = spec.Groups[0]
	return nil
}

// noID is the number that no user and no group has: (uid_t)-1, credentials(7).
const noID = 1<<32 - 1

// account is the first line of uid in passwd. Where there is none, the runtime
// takes / for HOME.
func account(root *os.File, passwd []byte, uid uint32) (plan.Account, error) {
	home, shell, found, err := findHome(uid, passwd)
	if err != nil {
		return plan.Account{}, fmt.Errorf("its /etc/passwd: %w", err)
	}
	if !found {
		return plan.Account{Home: "/"}, nil
	}
	a := plan.Account{Home: home, Shell: shell}
	if strings.HasPrefix(a.Shell, "/") {
		if shell, err := inroot.Look(root, a.Shell); err == nil {
			a.ShellExists = inroot.Regular(shell) == nil
			shell.Close()
		}
	}
	return a, nil
}

// readUserFile reads a file beneath root whole; nil if there is none.
//
// The file is the container's, and hostile: a symlink stays inside its root,
// a FIFO or a device is never opened, and no more than maxUserFile is read.
func readUserFile(root *os.File, path string) ([]byte, error) {
	f, err := inroot.OpenRegular(root, path)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("its %s: %w", path, err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxUserFile+1))
	if err != nil {
		return nil, fmt.Errorf("its %s: %w", path, err)
	}
	if len(text) > maxUserFile {
		return nil, fmt.Errorf("its %s: it is larger than %d bytes", path, maxUserFile)
	}
	return text, nil
}
