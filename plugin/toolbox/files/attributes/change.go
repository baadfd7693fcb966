// Package attributes has the tools that change modes and owners.
package attributes

import (
	"fmt"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/accounts"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/files/permissions"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/walk"
)

// all calls do for the files, and with recursive for all beneath them. With links, it follows the arguments. It reports
// errors and returns the status.
func all(name string, paths []string, recursive, links bool, do func(*walk.File) error) int {
	status := 0
	w := walk.Walk{Arguments: links, Fail: func(err error) { status = tool.Complain(name, err) }}
	w.Enter = func(f *walk.File) error {
		err := do(f)
		if recursive {
			return err
		}
		if err != nil {
			w.Fail(err)
		}
		return fs.SkipDir
	}
	for _, path := range paths {
		w.Through(walk.Argument(path))
	}
	return status
}

// Chown changes owners and groups.
func Chown(args []string) int { return chown("chown", false, args) }

// Chgrp changes groups.
func Chgrp(args []string) int { return chown("chgrp", true, args) }

func chown(name string, group bool, args []string) int {
	f := tool.Flags(name, "[-hRv] OWNER[:GROUP] FILE...")
	recursive := f.BoolP("recursive", "R", false, "all beneath directories too")
	links := f.BoolP("no-dereference", "h", false, "links themselves")
	verbose := f.BoolP("verbose", "v", false, "print what is done")
	silent := f.BoolP("silent", "f", false, "no messages about files")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	if f.NArg() < 2 {
		return tool.Misused(f)
	}
	owner, groupName, _ := strings.Cut(f.Arg(0), ":")
	if group {
		owner, groupName = "", f.Arg(0)
	}
	uid, gid := -1, -1
	if owner != "" {
		id, ok := accounts.Users().ID(owner)
		if !ok {
			return tool.Complain(name, fmt.Errorf("there is no user %q", owner))
		}
		uid = int(id)
		if strings.HasSuffix(f.Arg(0), ":") {
			if id, ok := accounts.Users().Group(id); ok {
				gid = int(id)
			}
		}
	}
	if groupName != "" {
		id, ok := accounts.Groups().ID(groupName)
		if !ok {
			return tool.Complain(name, fmt.Errorf("there is no group %q", groupName))
		}
		gid = int(id)
	}
	if *silent {
		name = ""
	}
	// What is found in a directory may be a link to anywhere.
	follow := !*links && !*recursive
	return all(name, f.Args()[1:], *recursive, follow, func(f *walk.File) error {
		if *verbose {
			tool.Println(f.Quoted())
		}
		return f.Chown(uid, gid, follow)
	})
}

// Chmod changes modes.
func Chmod(args []string) int {
	// A mode such as -x looks like an option.
	name, recursive, verbose := "chmod", false, false
	var rest []string
	for i, arg := range args {
		switch arg {
		case "-R", "--recursive":
			recursive = true
		case "-v", "--verbose":
			verbose = true
		case "-f", "--silent", "--quiet":
			name = ""
		case "--help":
			fmt.Fprintln(os.Stderr, "usage: chmod [-Rv] MODE FILE...")
			return 0
		case "--":
			rest = append(rest, args[i+1:]...)
		default:
			rest = append(rest, arg)
			continue
		}
		if arg == "--" {
			break
		}
	}
	if len(rest) < 2 {
		return tool.Usage("chmod", "usage: chmod [-Rv] MODE FILE...")
	}
	mask := unix.Umask(0)
	unix.Umask(mask)
	if _, err := permissions.Parse(rest[0], 0, uint32(mask)); err != nil {
		return tool.Complain("chmod", err)
	}
	return all(name, rest[1:], recursive, true, func(f *walk.File) error {
		if walk.Kind(&f.Stat) == unix.S_IFLNK {
			if f.Depth > 0 {
				return nil
			}
			return f.Failed("chmod", unix.ENOENT) // of the target
		}
		mode, err := permissions.Parse(rest[0], f.Stat.Mode, uint32(mask))
		if err != nil {
			return err
		}
		if verbose {
			tool.Printf("%s: %04o\n", f.Quoted(), mode)
		}
		return f.Chmod(mode, f.Link())
	})
}
