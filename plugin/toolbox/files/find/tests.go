package find

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/accounts"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/files/clock"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/files/permissions"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/files/wildcard"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/walk"
)

// withArgument returns a test that has an argument.
func (f *find) withArgument(name, arg string) (test, error) {
	switch name {
	case "-maxdepth", "-mindepth":
		n, err := strconv.Atoi(arg)
		if name == "-maxdepth" {
			f.maxDepth = n
		} else {
			f.minDepth = n
		}
		return func(*found) bool { return true }, err
	case "-name", "-iname", "-path", "-ipath", "-wholename":
		return glob(name, arg)
	case "-regex", "-iregex":
		if name == "-iregex" {
			arg = "(?i)" + arg
		}
		re, err := regexp.Compile("^(?:" + arg + ")$")
		if err != nil {
			return nil, err
		}
		return func(e *found) bool { return re.MatchString(e.Path()) }, nil
	case "-type":
		return kind(arg)
	case "-xtype":
		return f.linkedKind(arg)
	case "-lname", "-ilname":
		return linkName(name, arg)
	case "-regextype": // Go's expressions are those of egrep
		if !strings.Contains(arg, "egrep") && arg != "posix-extended" && arg != "awk" {
			return nil, errors.New("only posix-extended and egrep are supported here")
		}
		return func(*found) bool { return true }, nil
	case "-size":
		return size(arg)
	case "-mtime", "-mmin", "-atime", "-amin", "-ctime", "-cmin":
		return f.age(name, arg)
	case "-samefile":
		s, err := walk.Argument(arg).Stat(f.follow)
		return func(e *found) bool { return walk.Identity(&e.Stat) == walk.Identity(&s) }, err
	case "-newer", "-anewer", "-cnewer", "-newermt", "-newerat", "-newerct":
		return newer(name, arg)
	case "-uid", "-gid":
		n, compare, err := amount(arg)
		return func(e *found) bool {
			return compare(int64(map[string]uint32{"-uid": e.Stat.Uid, "-gid": e.Stat.Gid}[name]), n)
		}, err
	case "-user":
		id, ok := accounts.Users().ID(arg)
		if !ok {
			return nil, errors.New("there is no such user")
		}
		return func(e *found) bool { return e.Stat.Uid == id }, nil
	case "-group":
		id, ok := accounts.Groups().ID(arg)
		if !ok {
			return nil, errors.New("there is no such group")
		}
		return func(e *found) bool { return e.Stat.Gid == id }, nil
	case "-perm":
		return permission(arg)
	case "-links":
		n, compare, err := amount(arg)
		return func(e *found) bool { return compare(int64(e.Stat.Nlink), n) }, err
	case "-inum":
		n, compare, err := amount(arg)
		return func(e *found) bool { return compare(int64(e.Stat.Ino), n) }, err
	case "-printf":
		return f.printer(arg)
	}
	return nil, errors.New("unknown test")
}

// newer compares a file's time with another file's, or with a time.
func newer(name, arg string) (test, error) {
	var at time.Time
	var err error
	if strings.HasSuffix(name, "t") {
		at, err = clock.Parse(arg, time.Now())
	} else {
		var info fs.FileInfo
		if info, err = os.Stat(arg); err == nil {
			at = info.ModTime()
		}
	}
	if err != nil {
		return nil, err
	}
	return func(e *found) bool {
		of := e.Stat.Mtim
		switch name {
		case "-anewer", "-newerat":
			of = e.Stat.Atim
		case "-cnewer", "-newerct":
			of = e.Stat.Ctim
		}
		return time.Unix(of.Unix()).After(at)
	}, nil
}

func glob(name, pattern string) (test, error) {
	fold := strings.HasPrefix(name, "-i")
	if fold {
		pattern = strings.ToLower(pattern)
	}
	whole := strings.Contains(name, "path") || name == "-wholename"
	re, err := wildcard.Expression(pattern)
	if err != nil {
		return nil, err
	}
	return func(e *found) bool {
		text := e.Path()
		if !whole {
			text = path.Base(e.Name)
		}
		if fold {
			text = strings.ToLower(text)
		}
		return re.MatchString(text)
	}, nil
}

func kind(letters string) (test, error) {
	var kinds []uint32
	for letter := range strings.SplitSeq(letters, ",") {
		mode, ok := map[string]uint32{
			"f": unix.S_IFREG, "d": unix.S_IFDIR, "l": unix.S_IFLNK, "p": unix.S_IFIFO,
			"s": unix.S_IFSOCK, "b": unix.S_IFBLK, "c": unix.S_IFCHR,
		}[letter]
		if !ok {
			return nil, errors.New("unknown type")
		}
		kinds = append(kinds, mode)
	}
	return func(e *found) bool {
		return slices.Contains(kinds, e.Stat.Mode&unix.S_IFMT)
	}, nil
}

// linkedKind is kind of what a link leads to, or of the link if that is nothing. With -L it is the other way round.
func (f *find) linkedKind(letters string) (test, error) {
	of, err := kind(letters)
	return func(e *found) bool {
		file := *e.File
		if s, err := e.Entry.Stat(!f.follow); err == nil {
			file.Stat = s
		}
		return of(&found{File: &file, start: e.start})
	}, err
}

// linkName compares where a link leads with a pattern.
func linkName(name, pattern string) (test, error) {
	if name == "-ilname" {
		pattern = strings.ToLower(pattern)
	}
	re, err := wildcard.Expression(pattern)
	return func(e *found) bool {
		target, err := e.Readlink()
		if name == "-ilname" {
			target = strings.ToLower(target)
		}
		return err == nil && re.MatchString(target)
	}, err
}

func size(text string) (test, error) {
	unit := int64(512)
	if text != "" {
		if u, ok := map[byte]int64{'b': 512, 'c': 1, 'w': 2, 'k': 1 << 10, 'M': 1 << 20, 'G': 1 << 30}[text[len(text)-1]]; ok {
			unit, text = u, text[:len(text)-1]
		}
	}
	n, compare, err := amount(text)
	return func(e *found) bool { return compare((e.Stat.Size+unit-1)/unit, n) }, err
}

// age compares the time since a file's time, in whole days or minutes.
func (f *find) age(name, text string) (test, error) {
	unit := 24 * time.Hour
	if strings.HasSuffix(name, "min") {
		unit = time.Minute
	}
	n, compare, err := amount(text)
	now := time.Now()
	if f.dayStart { // -mtime 0 is today
		now = time.Date(now.Year(), now.Month(), now.Day()+1, 0, 0, 0, 0, now.Location())
	}
	return func(e *found) bool {
		at := e.Stat.Mtim
		switch name[1] {
		case 'a':
			at = e.Stat.Atim
		case 'c':
			at = e.Stat.Ctim
		}
		return compare(int64(now.Sub(time.Unix(at.Unix()))/unit), n)
	}, err
}

// permission compares modes: equal, with - all of the bits, with / any of them.
func permission(text string) (test, error) {
	sign := byte(0)
	if text != "" && (text[0] == '-' || text[0] == '/') {
		sign, text = text[0], text[1:]
	}
	want, err := permissions.Parse(text, 0, 0)
	if err != nil {
		return nil, err
	}
	return func(e *found) bool {
		mode := e.Stat.Mode & 0o7777
		switch sign {
		case '-':
			return mode&want == want
		case '/':
			return want == 0 || mode&want != 0
		}
		return mode == want
	}, nil
}

// amount parses a number with a sign: it returns how the sign compares.
func amount(text string) (n int64, compare func(a, b int64) bool, err error) {
	compare = func(a, b int64) bool { return a == b }
	switch {
	case strings.HasPrefix(text, "+"):
		text, compare = text[1:], func(a, b int64) bool { return a > b }
	case strings.HasPrefix(text, "-"):
		text, compare = text[1:], func(a, b int64) bool { return a < b }
	}
	n, err = strconv.ParseInt(text, 10, 64)
	if err != nil {
		err = errors.New("it is no number")
	}
	return n, compare, err
}
