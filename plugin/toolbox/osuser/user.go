// Package user replaces os/user in other modules' packages, see assemble. It reads /etc/passwd and /etc/group as
// package accounts does: a FIFO in their place is not waited for.
package user

import (
	"os"
	"os/user"
	"strconv"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/accounts"
)

// The types and errors are those of os/user.
type (
	// User is os/user's.
	User = user.User
	// Group is os/user's.
	Group = user.Group

	// UnknownUserError is os/user's.
	UnknownUserError = user.UnknownUserError
	// UnknownUserIdError is os/user's.
	UnknownUserIdError = user.UnknownUserIdError //nolint:revive // os/user's name
	// UnknownGroupError is os/user's.
	UnknownGroupError = user.UnknownGroupError
	// UnknownGroupIdError is os/user's.
	UnknownGroupIdError = user.UnknownGroupIdError //nolint:revive // os/user's name
)

func account(line []string) *User {
	for len(line) < 6 {
		line = append(line, "")
	}
	return &User{Username: line[0], Uid: line[2], Gid: line[3], Name: line[4], HomeDir: line[5]}
}

// Lookup finds a user by name.
func Lookup(name string) (*User, error) {
	if line := accounts.Users().Line(0, name); line != nil {
		return account(line), nil
	}
	return nil, UnknownUserError(name)
}

// LookupId finds a user by number.
func LookupId(uid string) (*User, error) { //nolint:revive // os/user's name
	if line := accounts.Users().Line(2, uid); line != nil {
		return account(line), nil
	}
	n, err := strconv.Atoi(uid)
	if err != nil {
		return nil, err
	}
	return nil, UnknownUserIdError(n)
}

// Current returns the user of this process.
func Current() (*User, error) {
	if u, err := LookupId(strconv.Itoa(os.Getuid())); err == nil {
		return u, nil
	}
	uid := strconv.Itoa(os.Getuid())
	return &User{Uid: uid, Gid: strconv.Itoa(os.Getgid()), Username: uid, HomeDir: "/"}, nil
}

// LookupGroup finds a group by name.
func LookupGroup(name string) (*Group, error) {
	if line := accounts.Groups().Line(0, name); line != nil {
		return &Group{Name: line[0], Gid: line[2]}, nil
	}
	return nil, UnknownGroupError(name)
}

// LookupGroupId finds a group by number.
func LookupGroupId(gid string) (*Group, error) { //nolint:revive // os/user's name
	if line := accounts.Groups().Line(2, gid); line != nil {
		return &Group{Name: line[0], Gid: line[2]}, nil
	}
	return nil, UnknownGroupIdError(gid)
}
