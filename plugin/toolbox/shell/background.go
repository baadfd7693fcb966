package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"mvdan.cc/sh/v3/syntax"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/shell/hook"
)

// jobKey is the key of the job in the context of a part of the shell that runs in the background.
type jobKey struct{}

// inBackground makes a job of a part of the shell that the interpreter is about to run in the background. It has a number
// unless another such part starts it.
func (t *jobTable) inBackground(ctx context.Context, command any) (context.Context, hook.Part) {
	shown := new(strings.Builder)
	if node, ok := command.(syntax.Node); ok {
		_ = syntax.NewPrinter(syntax.SingleLine(true)).Print(shown, node)
	}
	parent, nested := ctx.Value(jobKey{}).(*job)
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // its end is not that of the statement
	t.mu.Lock()
	defer t.mu.Unlock()
	t.made++
	piped := false
	if stmt, ok := command.(*syntax.Stmt); ok {
		binary, ok := stmt.Cmd.(*syntax.BinaryCmd)
		piped = ok && (binary.Op == syntax.Pipe || binary.Op == syntax.PipeAll)
	}
	j := &job{command: shown.String(), alias: fmt.Sprintf("b%d", t.made), background: true, shell: true, cancel: cancel}
	if nested {
		parent.children = append(parent.children, j)
		j.parent = parent
	} else {
		t.number(j)
	}
	return context.WithValue(ctx, jobKey{}, j), &part{t: t, j: j, piped: piped}
}

// of returns the job that a command belongs to.
func (t *jobTable) of(ctx context.Context) *job {
	if j, ok := ctx.Value(jobKey{}).(*job); ok {
		return j
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.front
}

// part is a job as the interpreter sees it.
type part struct {
	t     *jobTable
	j     *job
	piped bool       // it is a pipeline
	files []*os.File // that are closed when it ends
}

// Started shows the number of a job, and that of its first process.
func (p *part) Started() {
	if !p.t.control || p.j.number == 0 {
		return
	}
	shown := ""
	if name := p.Name(); name != p.j.alias {
		shown = " " + name
	}
	fmt.Fprintf(os.Stderr, "[%d]%s\n", p.j.number, shown)
}

// Ended notes the end of a job.
func (p *part) Ended(err error, status uint8) uint8 {
	t, j := p.t, p.j
	j.cancel()
	for _, file := range p.files {
		file.Close()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if j.ending != 0 && (errors.Is(err, context.Canceled) || status != 0) { // a builtin may have ended with an error of its own
		status = 128 + uint8(j.ending)
	}
	j.done, j.code = true, int(status)
	if t.names[j.name] == j {
		delete(t.names, j.name)
	}
	if !t.control { // nobody is told
		t.forget(j)
	}
	t.changed.Broadcast()
	return status
}

// Input returns the standard input of the part. Without job control, nothing would keep it from taking the input of what
// follows in the script. As in bash, a pipeline inherits it all the same.
func (p *part) Input(file *os.File) *os.File {
	switch {
	case file == nil || file == os.Stdin && (p.piped || p.t.control && p.j.parent == nil):
		return file
	case file == os.Stdin:
		return nothing()
	}
	return p.kept(file)
}

// Output returns a file of its own for one that the statement around the part has opened.
func (p *part) Output(to io.Writer) io.Writer {
	if file, ok := to.(*os.File); ok && file != os.Stdout && file != os.Stderr {
		return p.kept(file)
	}
	return to
}

// kept returns a copy of a file, which is closed when the part has ended.
func (p *part) kept(file *os.File) *os.File {
	fd, err := unix.FcntlInt(file.Fd(), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return file
	}
	again := os.NewFile(uintptr(fd), file.Name())
	p.files = append(p.files, again)
	return again
}

// nothing returns a file without content. /dev/null is the container's, and may be anything.
var nothing = sync.OnceValue(func() *os.File {
	file, err := os.OpenFile(os.DevNull, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err == nil {
		var s unix.Stat_t
		if err = unix.Fstat(int(file.Fd()), &s); err == nil && s.Mode&unix.S_IFMT == unix.S_IFCHR && s.Rdev == unix.Mkdev(1, 3) {
			return file
		}
		file.Close()
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil
	}
	w.Close()
	return r
})

// readInput reads the standard input of a builtin. In the background, the kernel would stop a process that reads the terminal:
// the job stops until it is in the foreground. ^C ends it.
func (t *jobTable) readInput(ctx context.Context, file *os.File, b []byte) (int, error) {
	if !t.terminal || file != os.Stdin {
		return file.Read(b)
	}
	if err := t.awaitForeground(ctx); err != nil || len(b) == 0 {
		return 0, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	defer r.Close()
	stop := context.AfterFunc(ctx, func() { w.Close() })
	defer func() {
		if stop() {
			w.Close()
		}
	}()
	ready := []unix.PollFd{{Fd: 0, Events: unix.POLLIN}, {Fd: int32(r.Fd()), Events: unix.POLLIN}}
	for {
		if _, err := unix.Poll(ready, -1); err != nil && !errors.Is(err, unix.EINTR) {
			return 0, err
		}
		switch {
		case ctx.Err() != nil:
			return 0, ctx.Err()
		case ready[0].Revents != 0:
			return file.Read(b)
		}
	}
}

// awaitForeground waits until the job that a part of the shell belongs to is in the foreground.
func (t *jobTable) awaitForeground(ctx context.Context) error {
	j, ok := ctx.Value(jobKey{}).(*job)
	if !ok || !t.control {
		return nil
	}
	for j.parent != nil {
		j = j.parent
	}
	stop := context.AfterFunc(ctx, t.wake)
	defer stop()
	t.mu.Lock()
	defer t.mu.Unlock()
	for j.background && ctx.Err() == nil {
		if !j.stopped {
			t.noteStopped(j, unix.SIGTTIN)
		}
		t.changed.Wait()
	}
	return ctx.Err()
}

// Name returns the number of the job's first process, or another word for a job of builtins only.
func (p *part) Name() string { return p.t.nameOf(p.j) }

// nameOf waits for the first process of a job, but not longer than a moment: it may have none. It returns its number, or
// else a word that stands for the job.
func (t *jobTable) nameOf(j *job) string {
	const moment = 200 * time.Millisecond
	t.mu.Lock()
	defer t.mu.Unlock()
	t.awaitUntil(moment, func() bool { return j.name != "" || j.first != 0 || j.done })
	if j.name != "" {
		return j.name
	}
	j.name = j.alias
	if j.first != 0 {
		j.name = strconv.Itoa(j.first)
	}
	if !j.done {
		t.names[j.name] = j
	}
	return j.name
}

// IsNamed reports whether the job is meant.
func (p *part) IsNamed(name string) bool {
	p.t.mu.Lock()
	defer p.t.mu.Unlock()
	return name == p.j.name || name == p.j.alias
}

// end ends a part of the shell by a signal: it starts nothing more.
func (j *job) end(signal syscall.Signal) {
	j.ending = signal
	j.cancel()
}

// ends reports whether a signal ends a process that has not changed what it does.
func ends(signal syscall.Signal) bool {
	switch signal {
	case 0, unix.SIGCHLD, unix.SIGCONT, unix.SIGURG, unix.SIGWINCH, unix.SIGSTOP, unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU:
		return false
	}
	return true
}

// forget removes a job from the list.
func (t *jobTable) forget(j *job) {
	for i, other := range t.list {
		if other == j {
			t.list = append(t.list[:i:i], t.list[i+1:]...)
			return
		}
	}
}

// withStatus returns a command that ends with a status.
func withStatus(status int) []string { return []string{statusCommand, strconv.Itoa(status)} }

// statusCommand is a command of the shell's own that ends with its argument as the status.
const statusCommand = "jobs:status"
