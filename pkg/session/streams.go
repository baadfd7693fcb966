//go:build linux

package session

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// streams are the command's standard streams and, where the caller's are not
// handed over, what moves the bytes between.
type streams struct {
	theirs  [3]*os.File // the command's
	closing []*os.File  // to be closed here once the command has them
	outputs []*relay
	input   *relay
	// terminal says that the bytes are those of one.
	terminal bool
	// linger is how long what the command left in the background is listened to.
	linger time.Duration
}

// handOver gives the caller's own streams to the command.
func handOver() *streams {
	return &streams{theirs: [3]*os.File{os.Stdin, os.Stdout, os.Stderr}}
}

// nowhere gives the null device, which a detached command has.
func nowhere(remote *Remote) (*streams, error) {
	null := os.DevNull
	if remote != nil {
		null = hostsNull()
	}
	in, err := os.Open(null)
	if err != nil {
		return nil, err
	}
	out, err := os.OpenFile(null, os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	return &streams{theirs: [3]*os.File{in, out, out}}, nil
}

// guard gives the caller's streams to a command in a container: pipes, sockets
// and /dev/null as they are, and a pipe in the place of anything else. The
// container's root could reopen a file by /proc/PID/fd and write to it, or type
// into a terminal.
//
// Where the helper has a container of its own, that has not ended for its engine as
// long as anybody has its output open: what a command leaves in the background gets a
// pipe that ends with the helper, after as long as an engine listens to those of docker
// exec.
func guard(owner int64, ownContainer bool) (*streams, error) {
	s := &streams{}
	if ownContainer {
		s.linger = 2 * time.Second
	}
	for i, f := range []*os.File{os.Stdin, os.Stdout, os.Stderr} {
		var st unix.Stat_t
		if err := unix.Fstat(i, &st); err != nil {
			return nil, fmt.Errorf("standard stream %d: %w", i, err)
		}
		switch {
		case harmless(i, &st) && (i == 0 || !ownContainer || st.Mode&unix.S_IFMT == unix.S_IFCHR):
			s.theirs[i] = f
		case i == 2 && len(s.outputs) == 1 && sameFile(1, 2):
			s.theirs[2] = s.theirs[1] // in order, as in the one file
			continue
		default:
			if err := s.between(i, f); err != nil {
				return nil, err
			}
		}
		if st.Mode&unix.S_IFMT == unix.S_IFIFO || s.theirs[i] != f {
			if err := own(s.theirs[i], owner); err != nil {
				return nil, err
			}
		}
	}
	return s, nil
}

// between puts a pipe between the caller's stream i and the command.
func (s *streams) between(i int, f *os.File) error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	if i == 0 {
		s.theirs[0], s.input = r, &relay{from: f, to: w}
	} else {
		s.theirs[i] = w
		s.outputs = append(s.outputs, &relay{from: r, to: f})
	}
	s.closing = append(s.closing, s.theirs[i])
	// A smaller pipe does as well.
	_, _ = unix.FcntlInt(s.theirs[i].Fd(), unix.F_SETPIPE_SZ, pipeSize)
	return nil
}

// harmless tells whether a stream may be handed into a container: an anonymous
// pipe, a socket or the null device.
func harmless(fd int, st *unix.Stat_t) bool {
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFSOCK:
		return true
	case unix.S_IFCHR:
		return st.Rdev == unix.Mkdev(1, 3)
	case unix.S_IFIFO:
		var fs unix.Statfs_t
		return unix.Fstatfs(fd, &fs) == nil && fs.Type == unix.PIPEFS_MAGIC
	}
	return false
}

func sameFile(a, b int) bool {
	var x, y unix.Stat_t
	return unix.Fstat(a, &x) == nil && unix.Fstat(b, &y) == nil && x.Dev == y.Dev && x.Ino == y.Ino
}

// own makes the command's user the owner of a stream, so that he can open it
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

// start lets the bytes move, once the command has its ends. What is typed at a
// terminal is looked through for the detach keys.
func (s *streams) start(detachKeys []byte, gone, left *once) {
	for _, f := range s.closing {
		f.Close()
	}
	if s.input != nil || len(s.outputs) > 0 {
		runtime.GOMAXPROCS(runtime.NumCPU()) // package launch left one, which did so far
	}
	switch {
	case s.input == nil:
	case s.terminal:
		go s.input.typing(&keys{want: detachKeys}, gone, left)
	default:
		go s.input.input()
	}
	for _, r := range s.outputs {
		r.done = make(chan struct{})
		go r.output()
	}
}

// finish moves what the command had written when it ended. It doesn't wait for
// a background child that keeps a stream open (moby#33039). It fails where the user's
// disk has no place for it.
func (s *streams) finish() error {
	var lost error
	until := time.Now().Add(s.linger)
	for _, r := range s.outputs {
		_ = r.from.SetReadDeadline(until)
		<-r.done
		r.lose(drain(r.to, r.from))
		if r.lost != nil && lost == nil {
			lost = fmt.Errorf("output of the command: %w", r.lost)
		}
	}
	return lost
}
