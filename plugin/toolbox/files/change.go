package files

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/accounts"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/walk"
)

// each calls do for the files. It reports errors and returns the status.
func each(name string, paths []string, do func(path string) error) int {
	status := 0
	for _, path := range paths {
		if err := do(path); err != nil {
			status = tool.Complain(name, err)
		}
	}
	return status
}

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
	if _, err := newMode(rest[0], 0, uint32(mask)); err != nil {
		return tool.Complain("chmod", err)
	}
	return all(name, rest[1:], recursive, true, func(f *walk.File) error {
		if walk.Kind(&f.Stat) == unix.S_IFLNK {
			if f.Depth > 0 {
				return nil
			}
			return f.Failed("chmod", unix.ENOENT) // of the target
		}
		mode, err := newMode(rest[0], f.Stat.Mode, uint32(mask))
		if err != nil {
			return err
		}
		if verbose {
			tool.Printf("%s: %04o\n", f.Quoted(), mode)
		}
		return f.Chmod(mode, f.Link())
	})
}

var errMode = errors.New("invalid mode")

// newMode returns the permissions that a mode such as 644 or u+x,go=r makes of old ones.
func newMode(text string, old, mask uint32) (uint32, error) {
	if n, err := strconv.ParseUint(text, 8, 12); err == nil {
		return uint32(n), nil
	}
	mode := old & 0o7777
	for clause := range strings.SplitSeq(text, ",") {
		at := strings.IndexAny(clause, "+-=")
		if at < 0 {
			return 0, fmt.Errorf("%w %q", errMode, text)
		}
		who, err := whose(clause[:at])
		if err != nil {
			return 0, fmt.Errorf("%w %q", err, text)
		}
		limit := uint32(0o7777)
		if at == 0 {
			limit = ^mask | 0o7000
		}
		for rest := clause[at:]; rest != ""; {
			op := rest[0]
			end := strings.IndexAny(rest[1:], "+-=") + 1
			if end == 0 {
				end = len(rest)
			}
			bits, err := permissions(rest[1:end], mode, old)
			if err != nil {
				return 0, fmt.Errorf("%w %q", err, text)
			}
			bits &= who & limit
			switch op {
			case '+':
				mode |= bits
			case '-':
				mode &^= bits
			case '=':
				mode = mode&^(who&0o777) | bits
			}
			rest = rest[end:]
		}
	}
	return mode, nil
}

// whose returns the bits of user, group and others.
func whose(text string) (bits uint32, err error) {
	if text == "" {
		return 0o7777, nil
	}
	for _, letter := range text {
		switch letter {
		case 'u':
			bits |= 0o4700
		case 'g':
			bits |= 0o2070
		case 'o':
			bits |= 0o1007
		case 'a':
			bits |= 0o7777
		default:
			return 0, errMode
		}
	}
	return bits, nil
}

func permissions(text string, mode, old uint32) (bits uint32, err error) {
	for _, letter := range text {
		switch letter {
		case 'r':
			bits |= 0o444
		case 'w':
			bits |= 0o222
		case 'x':
			bits |= 0o111
		case 'X':
			if old&unix.S_IFMT == unix.S_IFDIR || mode&0o111 != 0 {
				bits |= 0o111
			}
		case 's':
			bits |= 0o6000
		case 't':
			bits |= 0o1000
		case 'u':
			bits |= (mode >> 6 & 7) * 0o111
		case 'g':
			bits |= (mode >> 3 & 7) * 0o111
		case 'o':
			bits |= (mode & 7) * 0o111
		default:
			return 0, errMode
		}
	}
	return bits, nil
}
