package program

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/moby/sys/user"
)

// Account is the identity that a container's user has, by its /etc/passwd and /etc/group.
type Account struct {
	UID, GID int
	Groups   []int `json:",omitempty"` // supplementary groups
	// NoUser and NoGroup say that the container does not have a user or group of this name, Invalid that an ID is
	// outside of the range that Linux has, Unreadable that a line is too long. The engine then refuses to start the
	// container.
	NoUser, NoGroup, Invalid, Unreadable bool `json:",omitempty"`
}

// maxGroups is how many supplementary groups are considered, NGROUPS_MAX of linux/limits.h.
const maxGroups = 65536

// ParseAccount finds a user, NAME or UID[:GROUP], as the engine does. groups are additional groups, as in docker run
// --group-add. passwd and group are the content of the files, nil for one that does not exist.
func ParseAccount(spec string, groups []string, passwd, group []byte) Account {
	found, err := user.GetExecUser(spec, &user.ExecUser{}, reader(passwd), reader(group))
	if err == nil {
		var more []int
		more, err = user.GetAdditionalGroups(groups, reader(group))
		if err == nil {
			found.Sgids = append(found.Sgids, more...)
		}
	}
	switch {
	case err == nil:
		a := Account{UID: found.Uid, GID: found.Gid, Groups: found.Sgids}
		if a.Check() != nil {
			return Account{Invalid: true}
		}
		slices.Sort(a.Groups)
		a.Groups = slices.Compact(a.Groups)
		a.Groups = a.Groups[:min(len(a.Groups), maxGroups)]
		return a
	case errors.Is(err, user.ErrRange):
		return Account{Invalid: true}
	case errors.Is(err, user.ErrNoPasswdEntries):
		return Account{NoUser: true}
	case errors.Is(err, user.ErrNoGroupEntries):
		return Account{NoGroup: true}
	}
	return Account{Unreadable: true}
}

// reader returns a reader of a file's content, nil for a file that does not exist.
func reader(content []byte) io.Reader {
	if content == nil {
		return nil
	}
	return bytes.NewReader(content)
}

// Check validates an account that a process sent that has read hostile files.
func (a Account) Check() error {
	const largest = 1<<32 - 1
	for _, id := range append([]int{a.UID, a.GID}, a.Groups...) {
		if id < 0 || int64(id) > largest {
			return fmt.Errorf("the ID %d", id)
		}
	}
	if len(a.Groups) > 2*maxGroups {
		return fmt.Errorf("%d groups", len(a.Groups))
	}
	return nil
}
