//go:build linux

package observe

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
)

// This file parses passwd(5) and group(5) with the same results and error texts as
// github.com/moby/sys/user, which the engine uses; a test compares the two. The library
// splits every line and keeps the parts, which takes a few hundred MB for a group file of 4 MB.
// This parser keeps only the numbers.

// Limits of the library: the length of the longest line of each file, in bytes, and the largest number that a
// caller may give.
const (
	maxPasswdLine = 64 << 10
	maxGroupLine  = 1 << 20
	maxGivenID    = 1<<31 - 1
)

var (
	errNoPasswdEntries = errors.New("no matching entries in passwd file")
	errNoGroupEntries  = errors.New("no matching entries in group file")
	errLineTooLong     = errors.New("bufio.Scanner: token too long")
	errIDRange         = fmt.Errorf("uids and gids must be in range 0-%d", maxGivenID)
)

// execUser is a user and its groups. The numbers are those of the files and may be out of range.
type execUser struct {
	uid, gid int
	groups   []int
}

// findUser finds the user that spec names: USER, USER:GROUP or :GROUP, each a name or a number. passwd and
// group are nil if the file does not exist.
func findUser(spec string, passwd, group []byte) (execUser, error) {
	userArg, groupArg, _ := strings.Cut(spec, ":")
	groupArg, _, _ = strings.Cut(groupArg, ":")
	uid, isUID, err := numeric(userArg)
	if err != nil {
		return execUser{}, err
	}
	gid, isGID, err := numeric(groupArg)
	if err != nil {
		return execUser{}, err
	}
	u, name, err := findLine(userArg, uid, isUID || userArg == "", passwd)
	switch {
	case err != nil:
		return u, err
	case groupArg != "":
		u.gid, err = findGroup(name, groupArg, gid, isGID, group)
	case name != "":
		u.groups, err = findMemberships(name, group)
	}
	return u, err
}

// findLine finds a user's first line, and the name in it. A number needs no line.
func findLine(arg string, uid int, isUID bool, passwd []byte) (u execUser, name string, err error) {
	found := false
	err = eachLine(passwd, maxPasswdLine, false, func(line []byte) {
		fields := newFields(line)
		number := fields.number(2)
		if found || isUID && number != uid || !isUID && string(fields.text(0)) != arg {
			return
		}
		found, name = true, string(fields.text(0))
		u.uid, u.gid = number, fields.number(3)
	})
	if err == nil && !found && !isUID {
		err = errNoPasswdEntries
	}
	if err != nil {
		err = fmt.Errorf("unable to find user %s: %w", cmp.Or(arg, "0"), err)
		return u, "", exit.Hint(err, "the names are those of the container's /etc/passwd; -u also takes numbers: -u UID or -u UID:GID")
	}
	if !found {
		u.uid = uid
	}
	return u, name, nil
}

// findGroup returns the number of the first group that arg names. A number needs no line.
func findGroup(of, arg string, gid int, isGID bool, group []byte) (int, error) {
	found := false
	err := eachLine(group, maxGroupLine, true, func(line []byte) {
		fields := newFields(line)
		number := fields.number(2)
		if !found && (isGID && number == gid || !isGID && string(fields.text(0)) == arg) {
			found, gid = true, number
		}
	})
	switch {
	case err != nil:
		return 0, fmt.Errorf("unable to find groups for spec %s: %w", of, err)
	case !found && !isGID:
		return 0, fmt.Errorf("unable to find group %s: %w", arg, errNoGroupEntries)
	}
	return gid, nil
}

// findMemberships lists the groups that have a user as a member, in the file's order.
func findMemberships(name string, group []byte) (list []int, err error) {
	err = eachLine(group, maxGroupLine, true, func(line []byte) {
		if fields := newFields(line); hasMember(fields.text(3), name) {
			list = append(list, fields.number(2))
		}
	})
	if err != nil {
		return nil, fmt.Errorf("unable to find groups for spec %s: %w", name, err)
	}
	return list, nil
}

// findGroups finds the groups of docker run --group-add, each a name or a number, in their order and without
// duplicates.
func findGroups(names []string, group []byte) ([]int, error) {
	type wanted struct {
		number       int
		isGID, found bool
	}
	args := make([]wanted, len(names))
	for i, name := range names {
		var err error
		if args[i].number, args[i].isGID, err = numeric(name); err != nil {
			return nil, err
		}
	}
	err := eachLine(group, maxGroupLine, true, func(line []byte) {
		fields := newFields(line)
		name, number := fields.text(0), fields.number(2)
		for i := range args { // the caller decides how many there are, not the container
			a := &args[i]
			if !a.found && (a.isGID && number == a.number || !a.isGID && string(name) == names[i]) {
				a.found, a.number = true, number
			}
		}
	})
	if err != nil {
		return nil, fmt.Errorf("unable to find additional groups %v: %w", names, err)
	}
	var list []int
	for i, a := range args {
		switch {
		case !a.found && !a.isGID:
			return nil, fmt.Errorf("unable to find group %s: %w", names[i], errNoGroupEntries)
		case a.number < 0 || a.number > maxGivenID:
			return nil, errIDRange
		case !slices.Contains(list, a.number):
			list = append(list, a.number)
		}
	}
	return list, nil
}

// findHome returns the home directory and shell in the first line of uid; found is false without a line.
func findHome(uid uint32, passwd []byte) (home, shell string, found bool, err error) {
	err = eachLine(passwd, maxPasswdLine, false, func(line []byte) {
		if fields := newFields(line); !found && fields.number(2) == int(uid) {
			home, shell, found = string(fields.text(5)), string(fields.text(6)), true
		}
	})
	return home, shell, found, err
}

// numeric parses a number from the caller; it returns false for a name.
func numeric(arg string) (int, bool, error) {
	n, err := strconv.Atoi(arg)
	switch {
	case errors.Is(err, strconv.ErrSyntax):
		return 0, false, nil
	case err != nil || n < 0 || n > maxGivenID:
		return 0, true, errIDRange
	}
	return n, true, nil
}

// eachLine calls see with every non-empty line, without surrounding space. If comments is set it skips
// comments. It fails if a line is longer than limit.
func eachLine(text []byte, limit int, comments bool, see func(line []byte)) error {
	for len(text) > 0 {
		var line []byte
		line, text, _ = bytes.Cut(text, []byte("\n"))
		if len(line) >= limit {
			return errLineTooLong
		}
		if line = bytes.TrimSpace(line); len(line) > 0 && (!comments || line[0] != '#') {
			see(line)
		}
	}
	return nil
}

// fields are the fields of a line, which are separated by colons.
type fields [7][]byte

func newFields(line []byte) (f fields) {
	for i := range f {
		f[i], line, _ = bytes.Cut(line, []byte(":"))
	}
	return f
}

func (f *fields) text(i int) []byte { return f[i] }

// number returns 0 for a field that is not a number, and the nearest int for a number that is out of range.
func (f *fields) number(i int) int {
	n, _ := strconv.Atoi(string(f[i]))
	return n
}

// hasMember reports whether a comma-separated list contains name.
func hasMember(list []byte, name string) bool {
	for more := len(list) > 0; more; {
		var member []byte
		if member, list, more = bytes.Cut(list, []byte(",")); string(member) == name {
			return true
		}
	}
	return false
}
