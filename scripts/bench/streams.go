//go:build linux

package main

import (
	"errors"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

const gigabyte = 1 << 30

// fastest names the row of the command that writes fastest: only the kernel's supply of pages limits it.
const fastest = "1 GiB out by a pipe, in parts of 1 MiB"

// streamRows measure the input and output of a command without a terminal.
func streamRows(l *lab) []row {
	type way struct {
		name    string
		command []string
		move    func(l *lab, argv []string) error
	}
	var rows []row
	for _, w := range []way{
		{"1 GiB out by a pipe", []string{"head", "-c", "1073741824", "/dev/zero"}, (*lab).outByPipe},
		{fastest, []string{"dd", "if=/dev/zero", "bs=1M", "count=1024"}, (*lab).outByPipe},
		{"1 GiB in by a pipe", []string{"dd", "of=/dev/null", "bs=64k"}, (*lab).inByPipe},
		{"1 GiB in and out by pipes", []string{"cat"}, (*lab).throughPipes},
		{"1 GiB out to a file", []string{"head", "-c", "1073741824", "/dev/zero"}, (*lab).outToFile},
		{"1 GiB in from a file", []string{"dd", "of=/dev/null", "bs=64k"}, (*lab).inFromFile},
		{"10 million lines out by a pipe", times(20, shortLines), (*lab).outByPipe},
	} {
		target, ofExec := 1.1, 0.0
		if w.name == fastest {
			ofExec = 0.3
			target = 1.6 // the output takes a second pipe, through the helper; slower writers are not slowed down by it
		}
		by := func(program string, args ...string) func() error {
			argv := append(append([]string{program}, args...), w.command...)
			return func() error { return w.move(l, argv) }
		}
		rows = append(rows, row{
			name: w.name, rounds: 3,
			ours: contestant{name: "docker nsjoin", run: by(l.docker, "nsjoin", "-i", l.web)},
			theirs: []contestant{
				{name: "nsenter -a", run: by(l.nsenter, "-t", l.pid, "-a"), target: target},
				{name: "docker exec -i", run: by(l.docker, "exec", "-i", l.web), target: ofExec},
			},
		})
	}
	for _, w := range []way{
		{"1 GiB out by a pipe, through the engine", []string{"head", "-c", "1073741824", "/dev/zero"}, (*lab).outByPipe},
		{"1 GiB in by a pipe, through the engine", []string{"dd", "of=/dev/null", "bs=64k"}, (*lab).inByPipe},
	} {
		by := func(args ...string) func() error {
			argv := append(append([]string{l.docker}, args...), w.command...)
			return func() error { return w.move(l, argv) }
		}
		const target = 1.1
		rows = append(rows, row{
			name: w.name, rounds: 3,
			ours:   contestant{name: "docker nsjoin --via engine", run: by("nsjoin", "--via", "engine", "-i", l.web)},
			theirs: []contestant{{name: "docker exec -i", run: by("exec", "-i", l.web), target: target}},
		})
	}
	return rows
}

func (l *lab) outByPipe(argv []string) error {
	r, w, err := pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	pid, err := forkExec(argv[0], argv, l.env, []uintptr{null(), w.Fd(), 2})
	w.Close()
	if err != nil {
		return err
	}
	if err := discard(r); err != nil {
		return err
	}
	return wait(pid)
}

func (l *lab) inByPipe(argv []string) error {
	r, w, err := pipe()
	if err != nil {
		return err
	}
	pid, err := forkExec(argv[0], argv, l.env, []uintptr{r.Fd(), null(), null()})
	r.Close()
	if err != nil {
		return err
	}
	if err := fill(w); err != nil {
		return err
	}
	return wait(pid)
}

func (l *lab) throughPipes(argv []string) error {
	inR, inW, err := pipe()
	if err != nil {
		return err
	}
	outR, outW, err := pipe()
	if err != nil {
		return err
	}
	defer outR.Close()
	pid, err := forkExec(argv[0], argv, l.env, []uintptr{inR.Fd(), outW.Fd(), 2})
	inR.Close()
	outW.Close()
	if err != nil {
		return err
	}
	filled := make(chan error, 1)
	go func() { filled <- fill(inW) }()
	if err := errors.Join(discard(outR), <-filled); err != nil {
		return err
	}
	return wait(pid)
}

func (l *lab) outToFile(argv []string) error {
	f, err := memory()
	if err != nil {
		return err
	}
	defer f.Close()
	if err := runWith(l.env, []uintptr{null(), f.Fd(), 2}, argv[0], argv[1:]...); err != nil {
		return err
	}
	if st, err := f.Stat(); err != nil || st.Size() != gigabyte {
		return errors.New("the file has not got everything")
	}
	return nil
}

func (l *lab) inFromFile(argv []string) error {
	f, err := memory()
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Truncate(gigabyte); err != nil {
		return err
	}
	return runWith(l.env, []uintptr{f.Fd(), null(), null()}, argv[0], argv[1:]...)
}

// floodRows measure large output to a terminal. The lines come from files, since busybox's yes would
// take most of the time: it writes two bytes at a time.
func floodRows(l *lab) []row {
	var rows []row
	for _, f := range []struct{ name, file string }{
		{"200 MB of text to a terminal", longLines}, {"20 MB of yes's lines to a terminal", shortLines},
	} {
		flood := times(20, f.file)
		at := func(args ...string) func() error {
			argv := slices.Concat([]string{l.docker}, args, flood)
			return func() error { return l.atTerminal(argv) }
		}
		rows = append(rows, row{
			name: f.name, rounds: 3,
			ours: contestant{name: "docker nsjoin", run: at("nsjoin", l.web)},
			theirs: []contestant{
				{name: "docker exec -it", run: at("exec", "-it", l.web), target: 0.5},
				{name: "nsenter -a", run: func() error {
					return l.atTerminal(slices.Concat([]string{l.nsenter, "-t", l.pid, "-a"}, flood))
				}},
			},
		})
	}
	return rows
}

// Files in the container: 1 MiB of lines of 2 bytes, and 10 MiB of lines of 80 bytes.
const (
	shortLines = "/tmp/short"
	longLines  = "/tmp/long"
)

// writeLines creates these files.
func (l *lab) writeLines() error {
	_, err := l.output("docker", "exec", l.web, "sh", "-c", `
		lines() { yes "$1" | head -n "$2" >/tmp/some; for i in $(seq "$3"); do cat /tmp/some; done; }
		lines y 4096 128 >`+shortLines+`; lines `+strings.Repeat("0123456789", 8)[:79]+` 1024 128 >`+longLines)
	return err
}

// times returns a command that prints a file n times.
func times(n int, file string) []string {
	return []string{"sh", "-c", "for i in $(seq " + strconv.Itoa(n) + "); do cat " + file + "; done"}
}

func (l *lab) atTerminal(argv []string) error {
	ours, theirs, err := pty.Open()
	if err != nil {
		return err
	}
	defer ours.Close()
	fd := theirs.Fd()
	pid, err := syscall.ForkExec(argv[0], argv, &syscall.ProcAttr{
		Env: l.env, Files: []uintptr{fd, fd, fd}, Sys: &syscall.SysProcAttr{Setsid: true, Setctty: true},
	})
	theirs.Close()
	if err != nil {
		return err
	}
	if _, err := io.CopyBuffer(io.Discard, onlyReader{ours}, make([]byte, 64<<10)); err != nil && !errors.Is(err, unix.EIO) {
		return err // EIO is a terminal's end
	}
	return wait(pid)
}

type onlyReader struct{ io.Reader }

// pipe makes a pipe with blocking ends, as a shell does.
func pipe() (r, w *os.File, err error) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		return nil, nil, err
	}
	return os.NewFile(uintptr(fds[0]), "pipe"), os.NewFile(uintptr(fds[1]), "pipe"), nil
}

// memory makes a file in memory, so that no disk slows the test down.
func memory() (*os.File, error) {
	fd, err := unix.MemfdCreate("bench", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "bench"), nil
}

// discard reads a pipe to its end without copying.
func discard(r *os.File) error {
	for {
		n, err := unix.Splice(int(r.Fd()), nil, int(null()), nil, 1<<20, unix.SPLICE_F_MOVE)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil || n == 0:
			return err
		}
	}
}

// fill writes a gigabyte of zeros.
func fill(w *os.File) error {
	defer w.Close()
	block := make([]byte, 128<<10)
	for left := gigabyte; left > 0; left -= len(block) {
		if _, err := w.Write(block); err != nil {
			return err
		}
	}
	return nil
}
