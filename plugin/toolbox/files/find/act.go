package find

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/files/listing"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/walk"
)

func (f *find) ls(e *found) bool {
	listing.Long(f.out, e.Path(), e.Entry)
	return true
}

func (f *find) remove(e *found) bool {
	if e.Dir == nil && e.Name == "." {
		return true
	}
	err := e.Remove(e.IsDir() && !e.Link())
	if err != nil {
		f.fail(err)
		return false
	}
	return true
}

func empty(e *found) bool {
	switch walk.Kind(&e.Stat) {
	case unix.S_IFREG:
		return e.Stat.Size == 0
	case unix.S_IFDIR:
		empty, err := e.Empty()
		return err == nil && empty
	}
	return false
}

// batch is the command of an -exec that ends with +.
type batch struct {
	command, paths []string
}

// exec returns the action of -exec, -execdir, -ok or -okdir.
func (f *find) exec(name string) (test, error) {
	x := &execution{find: f, inDirectory: strings.HasSuffix(name, "dir"), ask: strings.HasPrefix(name, "-ok")}
	f.acts = true
	for {
		arg, err := f.next(name)
		if err != nil {
			return nil, fmt.Errorf(`%s needs ; or + at its end, and a shell needs \;`, name)
		}
		if arg == ";" {
			break
		}
		if arg == "+" && len(x.command) > 0 && x.command[len(x.command)-1] == "{}" && !x.ask {
			if x.inDirectory { // each file has its own directory
				break
			}
			return f.collect(x.command[:len(x.command)-1]), nil
		}
		x.command = append(x.command, arg)
	}
	if len(x.command) == 0 {
		return nil, fmt.Errorf("%s needs a command", name)
	}
	return x.test, nil
}

// collect returns the action of -exec COMMAND {} +.
func (f *find) collect(command []string) test {
	b := &batch{command: command}
	f.batches = append(f.batches, b)
	return func(e *found) bool {
		if b.paths = append(b.paths, e.Path()); len(b.paths) == 1000 {
			f.flush(b)
		}
		return true
	}
}

// execution is a command that runs for each file.
type execution struct {
	*find
	command          []string
	inDirectory, ask bool
}

// test runs the command for a file.
func (x *execution) test(e *found) bool {
	path := e.Path()
	if x.inDirectory {
		path = "./" + filepath.Base(e.Name)
	}
	args := make([]string, len(x.command))
	for i, arg := range x.command {
		args[i] = strings.ReplaceAll(arg, "{}", path)
	}
	var stdin io.Reader
	if x.ask {
		_ = x.out.Flush()
		if !tool.Ask(fmt.Sprintf("< %s ... %s > ? ", tool.Printable(x.command[0]), tool.Printable(path))) {
			return false
		}
		stdin = strings.NewReader("") // the answers are not the command's
	}
	if x.inDirectory {
		return x.find.inDirectory(e, func() bool { return x.run(stdin, args) })
	}
	return x.run(stdin, args)
}

func (f *find) flush(b *batch) {
	if len(b.paths) > 0 && !f.run(nil, append(slices.Clip(b.command), b.paths...)) {
		f.status = 1
	}
	b.paths = nil
}

// inDirectory does something in the directory that a file was found in, wherever its path leads by now.
func (f *find) inDirectory(e *found, do func() bool) bool {
	here, err := unix.Open(".", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		f.fail(fmt.Errorf("working directory: %w", err))
		return false
	}
	defer unix.Close(here)
	if e.Dir != nil {
		err = e.Dir.Chdir()
	} else {
		err = os.Chdir(filepath.Dir(e.Name))
	}
	if err != nil {
		f.fail(err)
		return false
	}
	done := do()
	if err := unix.Fchdir(here); err != nil {
		f.fail(fmt.Errorf("working directory: %w", err))
		f.quit = true // other paths would lead elsewhere
	}
	return done
}

func (f *find) run(stdin io.Reader, args []string) bool {
	_ = f.out.Flush()
	status, err := tool.Run(stdin, args)
	if err != nil {
		f.fail(err)
	}
	return err == nil && status == 0
}
