package run

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/accounts"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// Id prints user and groups.
func Id(args []string) int { //nolint:revive // the tool's name
	f := tool.Flags("id", "[-ugGn] [USER]")
	user := f.BoolP("user", "u", false, "the user's ID only")
	group := f.BoolP("group", "g", false, "the group's ID only")
	groups := f.BoolP("groups", "G", false, "the groups' IDs only")
	names := f.BoolP("name", "n", false, "names instead of IDs")
	f.BoolP("real", "r", false, "the real ID; also the default")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	uid, gid := uint32(os.Getuid()), uint32(os.Getgid())
	var all []uint32
	if f.NArg() > 0 {
		id, ok := accounts.Users().ID(f.Arg(0))
		if !ok {
			return tool.Complain("id", fmt.Errorf("there is no user %q", f.Arg(0)))
		}
		uid = id
		gid, _ = accounts.Users().Group(uid)
		all = append(all, accounts.Groups().Of(f.Arg(0))...)
	} else {
		list, _ := os.Getgroups()
		for _, g := range list {
			all = append(all, uint32(g))
		}
	}
	show := func(t accounts.Table, id uint32) string {
		digits := strconv.FormatUint(uint64(id), 10)
		name := tool.Printable(t.Name(id))
		switch {
		case *names:
			return name
		case *user || *group || *groups || name == digits:
			return digits
		}
		return digits + "(" + name + ")"
	}
	list := []string{show(accounts.Groups(), gid)}
	for _, g := range all {
		if g != gid {
			list = append(list, show(accounts.Groups(), g))
		}
	}
	switch {
	case *user:
		tool.Println(show(accounts.Users(), uid))
	case *group:
		tool.Println(show(accounts.Groups(), gid))
	case *groups:
		tool.Println(strings.Join(list, " "))
	default:
		tool.Printf("uid=%s gid=%s groups=%s\n", show(accounts.Users(), uid), list[0], strings.Join(list, ","))
	}
	return 0
}

// Whoami prints the user's name.
func Whoami([]string) int {
	tool.Println(tool.Printable(accounts.Users().Name(uint32(os.Geteuid()))))
	return 0
}

// Groups prints the names of groups.
func Groups(args []string) int { return Id(append([]string{"-Gn"}, args...)) }
