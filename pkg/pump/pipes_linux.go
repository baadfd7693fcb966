package pump

import (
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sys/unix"
)

// pipe is a pipe that splice(2) moves bytes through.
type pipe struct{ read, write int }

// pipes lends pipes. A link has one only while bytes move, or while it holds bytes that its reader does not take yet.
type pipes struct {
	mu     sync.Mutex
	idle   []pipe
	lent   int
	most   int  // that are lent
	failed bool // the system refused one; until one comes back, none is asked for
	report func(subject string, err error)
}

const (
	mostLent    = 64        // if Pump.Pipes does not say otherwise
	mostIdle    = 8         // pipes that are kept while nothing moves
	pipeSize    = 512 << 10 // takes a third less time of the processor than the kernel's default
	defaultSize = 64 << 10  // a user with too many pipes gets smaller ones (pipe(7), pipe-user-pages-soft)
)

// borrow returns a pipe, unless a limit is reached.
func (p *pipes) borrow() (pipe, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.idle); n > 0 {
		lent := p.idle[n-1]
		p.idle = p.idle[:n-1]
		p.lent++
		return lent, true
	}
	if p.lent >= p.most || p.failed {
		return pipe{}, false
	}
	made, err := newPipe()
	if err != nil {
		p.failed = true
		p.report("pipes", fmt.Errorf("cannot make a pipe, bytes are copied instead: %w", err))
		return pipe{}, false
	}
	p.lent++
	return made, true
}

// Errors of newPipe. At the first limit the kernel makes a smaller pipe. At the second one it says ENFILE, as if there were
// too many open files.
var (
	errPages  = errors.New("the user's pipes have as many pages as /proc/sys/fs/pipe-user-pages-soft allows")
	errNoMore = errors.New("/proc/sys/fs/pipe-user-pages-hard or file-max allows no more")
)

// newPipe makes a pipe that has room for as many bytes as a loop's buffer.
func newPipe() (pipe, error) {
	var fds [2]int
	switch err := unix.Pipe2(fds[:], unix.O_CLOEXEC|unix.O_NONBLOCK); {
	case errors.Is(err, unix.ENFILE):
		return pipe{}, errNoMore
	case err != nil:
		return pipe{}, err
	}
	made := pipe{fds[0], fds[1]}
	if _, err := unix.FcntlInt(uintptr(made.write), unix.F_SETPIPE_SZ, pipeSize); err == nil {
		return made, nil
	}
	size, err := unix.FcntlInt(uintptr(made.write), unix.F_GETPIPE_SZ, 0)
	if err == nil && size < defaultSize {
		err = errPages
	}
	if err != nil {
		made.close()
		return pipe{}, err
	}
	return made, nil
}

// giveBack takes a pipe back. One that is not empty is closed.
func (p *pipes) giveBack(lent pipe, empty bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lent--
	if empty && len(p.idle) < mostIdle {
		p.idle = append(p.idle, lent)
		return
	}
	lent.close()
	p.failed = false
}

// close closes the idle pipes.
func (p *pipes) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, idle := range p.idle {
		idle.close()
	}
	p.idle = nil
}

func (p pipe) close() {
	_ = unix.Close(p.read)
	_ = unix.Close(p.write)
}
