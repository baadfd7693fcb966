package find

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/accounts"
)

// list is several expressions with commas between them. The last one counts.
func (f *find) list() (test, error) {
	left, err := f.or()
	for err == nil && len(f.args) > 0 && f.args[0] == "," {
		f.args = f.args[1:]
		a := left
		var b test
		b, err = f.or()
		left = func(e *found) bool {
			a(e)
			return b(e)
		}
	}
	return left, err
}

func (f *find) or() (test, error) {
	left, err := f.and()
	for err == nil && len(f.args) > 0 && (f.args[0] == "-o" || f.args[0] == "-or") {
		f.args = f.args[1:]
		a := left
		var b test
		b, err = f.and()
		left = func(e *found) bool { return a(e) || b(e) }
	}
	return left, err
}

func (f *find) and() (test, error) {
	left := func(*found) bool { return true }
	for len(f.args) > 0 && f.args[0] != "-o" && f.args[0] != "-or" && f.args[0] != ")" && f.args[0] != "," {
		if f.args[0] == "-a" || f.args[0] == "-and" {
			f.args = f.args[1:]
		}
		a := left
		b, err := f.primary()
		if err != nil {
			return nil, err
		}
		left = func(e *found) bool { return a(e) && b(e) }
	}
	return left, nil
}

// next takes an argument of a test.
func (f *find) next(of string) (string, error) {
	if len(f.args) == 0 {
		return "", fmt.Errorf("%s needs an argument", of)
	}
	arg := f.args[0]
	f.args = f.args[1:]
	return arg, nil
}

func (f *find) primary() (test, error) {
	name, err := f.next("an operator")
	if err != nil {
		return nil, err
	}
	switch name {
	case "!", "-not":
		t, err := f.primary()
		return func(e *found) bool { return !t(e) }, err
	case "(":
		t, err := f.list()
		if err == nil && (len(f.args) == 0 || f.args[0] != ")") {
			err = errors.New("a ) is missing")
		}
		if err == nil {
			f.args = f.args[1:]
		}
		return t, err
	}
	if t, ok := f.simple(name); ok {
		return t, nil
	}
	switch name {
	case "-exec", "-execdir", "-ok", "-okdir":
		return f.exec(name)
	}
	arg, err := f.next(name)
	if err != nil {
		return nil, err
	}
	t, err := f.withArgument(name, arg)
	if err != nil {
		err = fmt.Errorf("%s %q: %w", name, arg, err)
	}
	return t, err
}

// simple returns a test without an argument.
func (f *find) simple(name string) (test, bool) {
	yes := func(*found) bool { return true }
	access := func(mode uint32) test {
		return func(e *found) bool { return e.Access(mode) }
	}
	switch name {
	case "-nouser":
		return func(e *found) bool { return !accounts.Users().Has(e.Stat.Uid) }, true
	case "-nogroup":
		return func(e *found) bool { return !accounts.Groups().Has(e.Stat.Gid) }, true
	case "-true", "-noleaf", "-nowarn", "-ignore_readdir_race": // what they are for does not exist here
		return yes, true
	case "-daystart":
		f.dayStart = true
		return yes, true
	case "-follow":
		f.follow = true
		return yes, true
	case "-false":
		return func(*found) bool { return false }, true
	case "-depth", "-d":
		f.depthFirst = true
		return yes, true
	case "-xdev", "-mount":
		f.oneSystem = true
		return yes, true
	case "-print":
		f.acts = true
		return func(e *found) bool { return f.print(e, "\n") }, true
	case "-print0":
		f.acts = true
		return func(e *found) bool { return f.print(e, "\x00") }, true
	case "-ls":
		f.acts = true
		return f.ls, true
	case "-delete":
		f.acts, f.depthFirst = true, true
		return f.remove, true
	case "-prune":
		return func(*found) bool { f.prune = true; return true }, true
	case "-quit":
		f.acts = true
		return func(*found) bool { f.quit = true; return true }, true
	case "-empty":
		return empty, true
	case "-readable":
		return access(unix.R_OK), true
	case "-writable":
		return access(unix.W_OK), true
	case "-executable":
		return access(unix.X_OK), true
	}
	return nil, false
}
