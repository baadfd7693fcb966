//go:build linux

package main

import (
	"errors"
	"os"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/observe"
	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
)

// volumeArg is the argument of the first process of a container that holds a volume.
const volumeArg = "volume"

// volumePath is where the engine mounts the volume: engine.VolumePath.
const volumePath = "/docker-nsjoin-volume"

// held is the answer to the client's byte.
const held = "held\n"

// holdVolume runs as long as the volume at volumePath is mounted in a process, so that the engine knows that it is in use.
// Until the client has sent a line it need not be mounted yet. The line is the number of the mount that counts, since the
// container may have the volume at other places, and the answer is held if it is there. It is empty if the client knows of no
// mount: then those count that were not there before. If the client ends without a line, a helper of it may be about to mount.
// For process 0 it runs until the client ends, or has written nothing for a minute.
func holdVolume(arg string) error {
	pid, err := strconv.Atoi(arg)
	if err != nil {
		return err
	}
	if pid == 0 {
		for lives := true; lives; {
			lives = waitForInput(holdsFor) && readByte()
		}
		return nil
	}
	h := &holding{pid: pid, process: -1}
	if h.dir, err = procfs.Open(pid); err != nil {
		return err
	}
	if fd, err := unix.PidfdOpen(pid, 0); err == nil { // a filter of the engine's may not allow it: then it looks more often
		h.process = fd
	}
	if thread, err := observe.OpenThread(h.dir, pid); err == nil {
		h.before, _, _ = mountsOfVolume(thread)
		thread.Close()
	}
	line, ok := readLine()
	if id, err := strconv.Atoi(line); err == nil {
		h.id, h.asked = id, true
	}
	if !ok {
		h.patience = time.Now().Add(time.Minute) // more than the helper's own limits
	}
	for goesOn := true; goesOn && err == nil; {
		goesOn, err = h.look()
	}
	return err
}

// holdsFor is how long a client may be silent, in milliseconds: see package holder.
const holdsFor = 60_000

// waitForInput waits for standard input, or its end, for a time in milliseconds.
func waitForInput(limit int) bool {
	fds := []unix.PollFd{{Fd: 0, Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(fds, limit)
		if !errors.Is(err, unix.EINTR) {
			return n > 0 && err == nil
		}
	}
}

// readByte reports whether there is one more byte of standard input.
func readByte() bool {
	n, _ := os.Stdin.Read(make([]byte, 1))
	return n > 0
}

// readLine reads a short line of the client's; ok is false if there is no whole one.
func readLine() (line string, ok bool) {
	const most = 32
	for b := make([]byte, 1); len(line) < most; line += string(b) {
		if n, _ := os.Stdin.Read(b); n == 0 {
			return "", false
		}
		if b[0] == '\n' {
			return line, true
		}
	}
	return "", false
}

// holding is what holdVolume knows.
type holding struct {
	id       int // the number of the mount that counts; 0 for all but before
	before   []int
	root     int // the number of the root directory's mount when the volume was seen; 0 before
	pid      int
	dir      *os.File  // of the process, in /proc
	process  int       // its pidfd, or -1
	asked    bool      // the client waits for an answer
	patience time.Time // until then the volume need not be mounted
}

// look looks whether the volume is mounted, and then waits for a change. It reports whether to go on.
func (h *holding) look() (bool, error) {
	thread, err := observe.OpenThread(h.dir, h.pid)
	if err != nil {
		return h.lives(), nil //nolint:nilerr // that thread has ended
	}
	defer thread.Close()
	// Changes after this are reported by poll(2).
	changes, err := unix.Openat(int(thread.Fd()), "mountinfo", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return h.lives(), nil //nolint:nilerr // that thread has ended
	}
	defer unix.Close(changes)
	list, all, err := mountsOfVolume(thread)
	if errors.Is(err, errEnded) {
		return h.lives(), nil
	}
	mounted := false
	for _, id := range list {
		mounted = mounted || id == h.id || h.id == 0 && !slices.Contains(h.before, id)
	}
	if at := procfs.RootMount(all); mounted && h.root == 0 && at >= 0 {
		h.root = all[at].ID
	}
	// By chroot(2), or with new mounts of its own, the process hides what others in the container still use.
	hidden := err == nil && h.root != 0 && !procfs.HasMount(all, h.root)
	mounted = mounted || hidden
	if !mounted && (err != nil || time.Now().After(h.patience)) {
		return false, err
	}
	if h.asked {
		_, _ = os.Stdout.WriteString(held)
		h.asked = false
	}
	const seldom = 60_000 // milliseconds
	wait := seldom
	if mounted {
		h.patience = time.Time{}
	}
	if h.process < 0 || !mounted {
		wait = often
	}
	fds := []unix.PollFd{{Fd: int32(changes), Events: unix.POLLPRI}, {Fd: int32(h.process), Events: unix.POLLIN}} //nolint:gosec // descriptors
	_, err = unix.Poll(fds, wait)
	if fds[1].Revents != 0 || err != nil && !errors.Is(err, unix.EINTR) {
		return false, nil //nolint:nilerr // the container has ended
	}
	pause()
	return true, nil
}

// often is how often it looks if nothing says that there is a change, in milliseconds.
const often = 1000

// pause limits how often it looks: a container can change its mounts, and end threads, all the time.
func pause() { time.Sleep(often * time.Millisecond / 5) } //nolint:mnd // see there

// lives reports, after a pause, whether a thread of the process still runs.
func (h *holding) lives() bool {
	pause()
	st, err := procfs.ReadStatAt(int(h.dir.Fd()))
	return err == nil && !st.Dead()
}

// errEnded is the error of a thread that has ended.
var errEnded = errors.New("it has ended")

// mountsOfVolume returns the numbers of the volume's mounts in a thread, whose directory in /proc is open, and all its mounts.
func mountsOfVolume(dir *os.File) (found []int, list []procfs.Mount, err error) {
	self, err := procfs.OpenDir("/proc/self")
	if err != nil {
		return nil, nil, err
	}
	defer self.Close()
	own, err := procfs.ReadMounts(self, observe.MaxMounts)
	if err != nil {
		return nil, nil, err
	}
	if list, err = procfs.ReadMounts(dir, observe.MaxMounts); err != nil {
		return nil, nil, errEnded
	}
	for _, volume := range own {
		if volume.Path != volumePath {
			continue
		}
		for _, m := range list {
			if m.Device == volume.Device && m.Root == volume.Root {
				found = append(found, m.ID)
			}
		}
	}
	return found, list, nil
}
