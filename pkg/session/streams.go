//go:build linux

package session

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// streams are the command's standard streams and what moves bytes between them and the
// caller's.
//
// Nothing of the caller's is ever open in a process with a container's file system: the
// container's root opens it again by /proc/PID/fd, writes into the pipe that the
// caller's shell reads its script from, reads what other programs write there later, sets
// flags of the open file, or uses a socket in the network namespace that it came from.
// So a command in a container has pipes or a terminal of the helper's, and its own null device.
type streams struct {
	theirs  [3]*os.File // the command's
	closing []*os.File  // closed here once the command has them
	input   *input      // nil where nothing is passed on
	outputs []*output
	// terminal says that the command has one, for which the input is typed.
	terminal bool
	// linger is how long output is waited for that processes in the background may write
	// after the command has ended.
	linger time.Duration
}

// linger is how long an engine waits for the output of what docker exec's command left
// in the background: Wait of moby's daemon/monitor.go.
const linger = 2 * time.Second

// inherited are the caller's own streams.
func inherited() *streams {
	return &streams{theirs: [3]*os.File{os.Stdin, os.Stdout, os.Stderr}}
}

// detached are the streams of a command that nobody attends.
func detached(null nullDevice) (*streams, error) {
	in, err := null(os.O_RDONLY)
	if err != nil {
		return nil, fmt.Errorf("open /dev/null: %w", err)
	}
	out, err := null(os.O_WRONLY)
	if err != nil {
		return nil, fmt.Errorf("open /dev/null: %w", err)
	}
	return &streams{theirs: [3]*os.File{in, out, out}}, nil
}

// relayed are streams of the helper's own in place of the caller's, with owner as their owner
// if it is not negative. remote is nil for a caller who is here.
func relayed(p *plan.Plan, null nullDevice, owner int64, remote *Remote) (*streams, error) {
	s := &streams{linger: linger}
	if err := s.giveInput(p.Input, null, owner, remote); err != nil {
		return nil, err
	}
	for i := 1; i <= 2; i++ {
		if err := s.giveOutput(i, null, owner, remote); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// giveInput makes the command's standard input.
func (s *streams) giveInput(wanted bool, null nullDevice, owner int64, remote *Remote) error {
	switch {
	case !wanted:
		return s.giveNull(0, null)
	case remote.null(0): // there is nothing to pass on
		return s.giveEnded(owner)
	case remote != nil: // a pipe of the helper's already, which EPIPE must come from
		s.theirs[0] = os.Stdin
		s.closing = append(s.closing, os.Stdin)
		return own(os.Stdin, owner)
	}
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	s.theirs[0], s.input = r, newInput(w)
	if s.input.regular {
		// What the command leaves is counted in the end.
		if s.input.unread, err = duplicate(r); err != nil {
			return err
		}
	}
	s.closing = append(s.closing, r)
	return s.prepare(r, owner)
}

// giveOutput makes the command's standard output or error.
func (s *streams) giveOutput(i int, null nullDevice, owner int64, remote *Remote) error {
	switch {
	case remote.null(i):
		return s.giveNull(i, null)
	case i == 2 && len(s.outputs) == 1 && s.outputs[0].of == 1 && remote.oneOutput():
		s.theirs[2] = s.theirs[1] // the order is kept, as in the one file
		return nil
	}
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	s.theirs[i] = w
	s.outputs = append(s.outputs, &output{of: i, from: r, to: remote.writer(i)})
	s.closing = append(s.closing, w)
	return s.prepare(w, owner)
}

// giveEnded makes standard input a pipe that has ended.
func (s *streams) giveEnded(owner int64) error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	w.Close()
	s.theirs[0] = r
	s.closing = append(s.closing, r)
	return own(r, owner)
}

// giveNull makes stream i the null device of the command's own file system. Where there is
// none, it is a pipe that has ended, or one that is read to nowhere.
func (s *streams) giveNull(i int, null nullDevice) error {
	flag := os.O_WRONLY
	if i == 0 {
		flag = os.O_RDONLY
	}
	f, err := null(flag)
	if err == nil {
		s.theirs[i] = f
		s.closing = append(s.closing, f)
		return nil
	}
	if i == 0 {
		return s.giveEnded(-1)
	}
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	s.theirs[i] = w
	s.outputs = append(s.outputs, &output{of: i, from: r, to: nowhere{}})
	s.closing = append(s.closing, w)
	return nil
}

// prepare makes a pipe as large as most users may have it, and gives it to owner.
func (s *streams) prepare(pipe *os.File, owner int64) error {
	_, _ = unix.FcntlInt(pipe.Fd(), unix.F_SETPIPE_SZ, pipeSize) // a smaller pipe does as well
	return own(pipe, owner)
}

// own makes the command's user the owner of a stream of ours, so that the user can open it
// again, as /dev/stderr (moby#31243). A negative owner is nobody of ours.
func own(f *os.File, owner int64) error {
	if owner < 0 {
		return nil
	}
	if err := unix.Fchown(int(f.Fd()), int(owner), -1); err != nil && !errors.Is(err, unix.EPERM) {
		return fmt.Errorf("give %s to uid %d: %w", f.Name(), owner, err)
	}
	return nil
}

// number calls use with the number of f's descriptor. Unlike os.File.Fd it leaves the open file
// non-blocking, so that waiting for it can still be stopped.
func number(f *os.File, use func(fd int)) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	return raw.Control(func(fd uintptr) { use(int(fd)) })
}

// duplicate is another descriptor of the same open file.
func duplicate(f *os.File) (*os.File, error) {
	fd, err := duplicated(f)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), f.Name()), nil
}

func duplicated(f *os.File) (fd int, err error) {
	e := number(f, func(of int) { fd, err = unix.FcntlInt(uintptr(of), unix.F_DUPFD_CLOEXEC, 3) })
	return fd, errors.Join(e, err)
}

// waiting is how many bytes can be read of a pipe or terminal without waiting.
func waiting(f *os.File) int {
	var bytes uint32
	_ = number(f, func(fd int) { bytes, _ = unix.IoctlGetUint32(fd, unix.TIOCINQ) })
	return int(bytes)
}

func sameFile(a, b int) bool {
	var x, y unix.Stat_t
	return unix.Fstat(a, &x) == nil && unix.Fstat(b, &y) == nil && x.Dev == y.Dev && x.Ino == y.Ino
}

// nonBlocking is our end of a terminal for Go's poller, so that waiting for output can be
// stopped. It was made blocking by whoever asked for its number.
func nonBlocking(pty *os.File) *os.File {
	fd, err := duplicated(pty)
	if err != nil {
		return pty
	}
	_ = unix.SetNonblock(fd, true)
	return os.NewFile(uintptr(fd), pty.Name())
}

// start lets the bytes move, once the command has its ends. What is typed at a
// terminal is searched for the detach keys.
func (s *streams) start(detachKeys []byte, gone, left *once) {
	for _, f := range s.closing {
		f.Close()
	}
	if s.terminal && len(s.outputs) > 0 {
		s.outputs[0].from = nonBlocking(s.outputs[0].from)
	}
	if s.input != nil || len(s.outputs) > 0 {
		runtime.GOMAXPROCS(runtime.NumCPU()) // package launch left one, which did so far
	}
	switch {
	case s.input == nil:
	case s.terminal:
		go s.input.passKeys(&keys{want: detachKeys}, gone, left)
	default:
		go s.input.run()
	}
	for _, o := range s.outputs {
		o.done = make(chan struct{})
		go o.run()
	}
}

// unread tells the command that nobody reads the caller's stream any more, 1 or 2.
func (s *streams) unread(stream int) {
	for _, o := range s.outputs {
		if o.of == stream {
			o.unread(unix.EPIPE)
		}
	}
}

// finish moves what the command had written when it ended, and gives back what it did not
// read. What processes in the background write is waited for as long as the streams linger
// (moby#33039). What reads the output may have stopped: it is not waited for once the caller is gone
// or sends a signal to end, and no longer than within, unless that is 0. It fails where the user's
// disk is full.
func (s *streams) finish(gone <-chan struct{}, signalled <-chan os.Signal, within time.Duration) error {
	var lost error
	until := time.Now().Add(s.linger)
	late := newOnce()
	if within > 0 {
		defer time.AfterFunc(within, late.give).Stop()
	}
	for _, o := range s.outputs {
		_ = o.from.SetReadDeadline(until)
	}
	for _, o := range s.outputs {
		select {
		case <-o.done:
			o.drain()
			if o.lost != nil && lost == nil {
				lost = fmt.Errorf("output of the command: %w", o.lost)
			}
		case <-gone:
			return nil
		case <-signalled:
			return nil
		case <-late.given:
			return nil
		}
	}
	if s.input != nil && s.input.regular {
		s.input.giveBack()
	}
	return lost
}
