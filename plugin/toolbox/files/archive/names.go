package archive

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/accounts"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/files/clock"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// places are the values of -C. Each counts for the names behind it, and is relative to the one before.
type places struct {
	count func() int // names that were read so far
	at    []int
	dirs  []string
}

// Set, String and Type are of pflag.Value.
func (p *places) Set(dir string) error {
	p.at, p.dirs = append(p.at, p.count()), append(p.dirs, dir)
	return nil
}

func (p *places) String() string { return "" }

// Type is the word for a value.
func (p *places) Type() string { return "string" }

// of returns the directory of the name with an index.
func (p *places) of(index int) string {
	dir := "."
	for i, at := range p.at {
		switch {
		case at > index:
			return dir
		case filepath.IsAbs(p.dirs[i]):
			dir = p.dirs[i]
		default:
			dir = filepath.Join(dir, p.dirs[i])
		}
	}
	return dir
}

// packed is a name among the arguments, and the directory that it is in.
type packed struct{ dir, name string }

// items returns the names among the arguments and in the files of -T, and reads the files of -X.
func (a *archive) items(names []string) ([]packed, error) {
	var items []packed
	for i, name := range names {
		items = append(items, packed{a.places.of(i), name})
	}
	end := byte('\n')
	if a.nul {
		end = 0
	}
	last := a.places.of(len(names))
	for _, file := range a.nameFiles {
		err := readNames(file, end, func(name string) { items = append(items, packed{last, name}) })
		if err != nil {
			return nil, err
		}
	}
	for _, file := range a.excludeFiles {
		if err := readNames(file, '\n', func(name string) { a.exclude = append(a.exclude, name) }); err != nil {
			return nil, err
		}
	}
	return items, nil
}

func readNames(file string, end byte, add func(string)) error {
	var failed error
	status := tool.Inputs("", []string{file}, func(in tool.Input) error {
		failed = tool.Records(in, end, func(name []byte) bool {
			if len(name) > 0 {
				add(string(name))
			}
			return true
		})
		return failed
	})
	if failed == nil && status != 0 {
		failed = fmt.Errorf("%s: it can't be read", tool.Printable(file))
	}
	return failed
}

// chosen are the values of --owner, --group, --mtime and --sort.
func (a *archive) chosen() error {
	var err error
	if a.owner != "" {
		if a.user, err = accountOf(a.owner, accounts.Users().ID); err != nil {
			return err
		}
	}
	if a.group != "" {
		if a.team, err = accountOf(a.group, accounts.Groups().ID); err != nil {
			return err
		}
	}
	if a.modified != "" {
		if a.at, err = clock.Parse(a.modified, time.Now()); err != nil {
			return err
		}
	}
	if a.sorted != "" && a.sorted != "name" && a.sorted != "none" {
		return fmt.Errorf("--sort=%s is not supported here", a.sorted)
	}
	if a.absolute && a.extract {
		return errors.New("-P is refused with -x: nothing is unpacked outside the directory")
	}
	return nil
}

// accountOf takes a name, a number, or both as NAME:NUMBER.
func accountOf(text string, find func(string) (uint32, bool)) (*account, error) {
	name, number, both := strings.Cut(text, ":")
	if both {
		n, err := strconv.ParseUint(number, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("%q is no number", number)
		}
		return &account{name, int(n)}, nil
	}
	if n, err := strconv.ParseUint(name, 10, 32); err == nil {
		return &account{"", int(n)}, nil
	}
	id, ok := find(name)
	if !ok {
		return nil, fmt.Errorf("there is no %q", name)
	}
	return &account{name, int(id)}, nil
}
