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

// maxUserFile limits a container's /etc/passwd and /etc/group, in bytes.
const maxUserFile = 4 << 20

// readUser reads the command's user from the root directory of its mounts. name is the user's name, with the
// groups of docker run --group-add; for "" the user is that of the specification. It follows the engine:
// getUser in moby's daemon/oci_linux.go.
//
// An unreadable account is a fact that the plan decides about. It is an error only if name needs it.
func readUser(s *plan.TargetProcess, root *os.File, name string, groupAdd []string) error {
	passwd, err := readUserFile(root, "/etc/passwd")
	if name == "" {
		s.AccountErr = err
	} else {
		if err == nil {
			err = lookUpUser(&s.Spec, root, passwd, name, groupAdd)
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

// lookUpUser looks up a user and sets it in spec.
func lookUpUser(spec *plan.Spec, root *os.File, passwd []byte, name string, groupAdd []string) error {
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
	// The container's files can have any number. One that is truncated to 32 bits
	// could become root's.
	ids := slices.Concat([]int{u.uid, u.gid}, u.groups, added)
	for _, id := range ids {
		if id < 0 || int64(id) >= invalidID {
			return fmt.Errorf("%d in its /etc/passwd or /etc/group is not a valid uid or gid", id)
		}
	}
	spec.UID, spec.Groups = uint32(ids[0]), nil
	for _, g := range ids[1:] {
		spec.Groups = append(spec.Groups, uint32(g))
	}
	spec.GID = spec.Groups[0]
	return nil
}

// invalidID is (uid_t)-1, which no user and no group has, credentials(7).
const invalidID = 1<<32 - 1

// account returns the account in the first line of uid in passwd. Without such a line, HOME is /, as with runc.
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
		if shell, err := inroot.OpenPath(root, a.Shell); err == nil {
			a.ShellExists = inroot.Regular(shell) == nil
			shell.Close()
		}
	}
	return a, nil
}

// readUserFile reads a whole file in root; nil if there is none.
//
// The file belongs to the container, so it is hostile: a symbolic link stays inside root, a FIFO or device is
// not opened, and at most maxUserFile is read.
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
		return nil, fmt.Errorf("its %s: larger than %d bytes", path, maxUserFile)
	}
	return text, nil
}
