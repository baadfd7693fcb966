package each

import (
	"errors"
	"io"
	"os"
	"sync"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/job"
	"github.com/nsjoin/docker-nsjoin/pkg/stdio"
)

// maxReaders is how many commands can read an input that is no file: they all run at the same time.
const maxReaders = 256

// input gives the caller's standard input to all commands. Without -i it is nil.
type input struct {
	file    *os.File // a regular file, which each command reads by itself; nil if it is none
	offset  int64    // where the file is read from
	timeout time.Duration

	mu      sync.Mutex
	awaited int // commands that have not begun yet
	readers []*reader
	ready   chan struct{} // closed when all have begun
	stop    chan struct{}
}

// reader is a command that reads the input.
type reader struct {
	job   *job.Job
	parts chan []byte
	slow  chan struct{} // closed when it does not read in time
}

func (c *call) newInput() (*input, error) {
	if !c.template.Interactive {
		return nil, nil
	}
	i := &input{timeout: c.inputTimeout, awaited: len(c.targets), ready: make(chan struct{}), stop: make(chan struct{})}
	if info, err := os.Stdin.Stat(); err == nil && info.Mode().IsRegular() {
		if i.offset, err = os.Stdin.Seek(0, io.SeekCurrent); err == nil {
			i.file = os.Stdin
			return i, nil
		}
	}
	switch {
	case stdio.IsTerminal(os.Stdin):
		return nil, exit.Hint(errors.New("-i: a terminal cannot be shared by several commands"), "redirect standard input from a file or a pipe")
	case c.retry > 0:
		return nil, errors.New("-i: an input that is not a file cannot be read again: omit --retry")
	case c.group: // a command whose lines wait would hold up the input, and so the one that may print
		return nil, exit.Hint(errors.New("-i: --group needs an input that is a file"), "write it to a file first, or omit --group")
	case len(c.targets) > maxReaders:
		return nil, exit.Hint(errors.New("-i: too many commands for an input that is not a file"), "write it to a file first")
	}
	go i.read(os.Stdin)
	return i, nil
}

// together reports whether all commands must run at the same time.
func (i *input) together() bool { return i != nil && i.file == nil }

func (i *input) close() {
	if i != nil {
		close(i.stop)
	}
}

// share is a command's share of the input, before it runs.
type share struct{ of *input }

func (i *input) expect() share { return share{i} }

// absent says that the command does not run.
func (s share) absent() {
	if s.of.together() {
		s.of.join(nil)
	}
}

// feed begins to send the input to a command. It returns a channel that is closed if the command does not read it in
// time, or nil.
func (s share) feed(j *job.Job) <-chan struct{} {
	switch {
	case s.of == nil:
		return nil
	case s.of.file != nil:
		go func() {
			const whole = 1 << 62
			_, _ = io.Copy(j, io.NewSectionReader(s.of.file, s.of.offset, whole-s.of.offset))
			j.EndInput()
		}()
		return nil
	}
	r := &reader{job: j, parts: make(chan []byte), slow: make(chan struct{})}
	go r.write()
	s.of.join(r)
	return r.slow
}

func (i *input) join(r *reader) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if r != nil {
		i.readers = append(i.readers, r)
	}
	if i.awaited--; i.awaited == 0 {
		close(i.ready)
	}
}

// write writes parts to the command until there are none.
func (r *reader) write() {
	for part := range r.parts {
		_, _ = r.job.Write(part)
	}
	r.job.EndInput()
}

// read reads the input once all commands have begun. A part is read when all of them have taken the one before.
func (i *input) read(from io.Reader) {
	select {
	case <-i.ready:
	case <-i.stop:
		return
	}
	const size = 64 << 10
	for {
		part := make([]byte, size)
		n, err := from.Read(part)
		if n > 0 {
			i.send(part[:n])
		}
		if err != nil || len(i.readers) == 0 {
			break
		}
	}
	for _, r := range i.readers {
		close(r.parts)
	}
}

// send gives a part to every command that still runs. One that is too slow gets nothing more.
func (i *input) send(part []byte) {
	late := make(chan struct{})
	if i.timeout > 0 {
		defer time.AfterFunc(i.timeout, func() { close(late) }).Stop()
	}
	left := i.readers[:0]
	for _, r := range i.readers {
		if r.take(part, late) {
			left = append(left, r)
		} else {
			close(r.parts)
		}
	}
	i.readers = left
}

// take gives the command a part, if it still runs and takes the part before late is closed.
func (r *reader) take(part []byte, late <-chan struct{}) bool {
	select {
	case r.parts <- part:
		return true
	default:
	}
	select {
	case r.parts <- part:
		return true
	case <-r.job.Done():
	case <-late:
		close(r.slow)
	}
	return false
}
