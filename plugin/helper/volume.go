//go:build linux

package main

import (
	"errors"
	"os"
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
// Until the client has sent a byte it need not be mounted yet. The answer to the byte is held if it is. If the client ends
// without a byte, a helper of it may be about to mount.
func holdVolume(arg string) error {
	pid, err := strconv.Atoi(arg)
	if err != nil {
		return err
	}
	h := &holding{process: -1}
	if h.dir, err = procfs.Open(pid); err != nil {
		return err
	}
	if fd, err := unix.PidfdOpen(pid, 0); err == nil { // a filter of the engine's may not allow it: then it looks more often
		h.process = fd
	}
	client := make([]byte, 1)
	if n, _ := os.Stdin.Read(client); n > 0 {
		h.asked = true
	} else {
		h.patience = time.Now().Add(time.Minute) // more than the helper's own limits
	}
	for goesOn := true; goesOn && err == nil; {
		goesOn, err = h.look()
	}
	return err
}

// holding is what holdVolume knows.
type holding struct {
	dir      *os.File  // of the process, in /proc
	process  int       // its pidfd, or -1
	asked    bool      // the client waits for an answer
	patience time.Time // until then the volume need not be mounted
}

// look looks whether the volume is mounted, and then waits for a change. It reports whether to go on.
func (h *holding) look() (bool, error) {
	// Changes after this are reported by poll(2).
	changes, err := unix.Openat(int(h.dir.Fd()), "mountinfo", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return false, nil //nolint:nilerr // the container has ended
	}
	defer unix.Close(changes)
	mounted, err := holdsVolume(h.dir)
	if !mounted && (err != nil || time.Now().After(h.patience)) {
		return false, err
	}
	if h.asked {
		_, _ = os.Stdout.WriteString(held)
		h.asked = false
	}
	const often, seldom = 1000, 60_000 // milliseconds
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
	time.Sleep(often * time.Millisecond / 5) //nolint:mnd // a container can change its mounts all the time
	return true, nil
}

// holdsVolume reports whether the volume is among the mounts of a process, whose directory in /proc is open.
func holdsVolume(dir *os.File) (bool, error) {
	self, err := procfs.OpenDir("/proc/self")
	if err != nil {
		return false, err
	}
	defer self.Close()
	own, err := procfs.ReadMounts(self, observe.MaxMounts)
	if err != nil {
		return false, err
	}
	list, err := procfs.ReadMounts(dir, observe.MaxMounts)
	if err != nil {
		return false, nil //nolint:nilerr // the container has ended
	}
	for _, volume := range own {
		if volume.Path != volumePath {
			continue
		}
		for _, m := range list {
			if m.Device == volume.Device && m.Root == volume.Root {
				return true, nil
			}
		}
	}
	return false, nil
}
