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

// holdVolume runs as long as the volume at volumePath is mounted in a process, so that the engine knows that it is in use.
// Until the client has sent a byte it need not be mounted yet. The answer to the byte is "held" if it is. If the client ends
// without a byte, a helper of it may be about to mount.
func holdVolume(arg string) error {
	pid, err := strconv.Atoi(arg)
	if err != nil {
		return err
	}
	dir, err := procfs.Open(pid)
	if err != nil {
		return err
	}
	process, _ := unix.PidfdOpen(pid, 0) // a filter of the engine's may not allow it: then the time limit below serves
	client := make([]byte, 1)
	n, _ := os.Stdin.Read(client)
	var patience time.Time
	if n == 0 {
		patience = time.Now().Add(time.Minute) // more than the helper's own limits
	}
	for first := true; ; first = false {
		// Changes after this are reported by poll(2).
		changes, err := unix.Openat(int(dir.Fd()), "mountinfo", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return nil // the container has ended
		}
		held, err := holdsVolume(dir)
		if !held && (err != nil || time.Now().After(patience)) {
			return err
		}
		if first && n > 0 {
			if _, err := os.Stdout.WriteString("held\n"); err != nil {
				n = 0
			}
		}
		const often, seldom = 1000, 60_000 // milliseconds
		if held {
			patience = time.Time{}
		}
		wait, fds := seldom, []unix.PollFd{{Fd: int32(changes), Events: unix.POLLPRI}, {Fd: int32(process), Events: unix.POLLIN}}
		if process < 0 || !held {
			wait = often
		}
		_, err = unix.Poll(fds, wait)
		unix.Close(changes)
		if fds[1].Revents != 0 || err != nil && !errors.Is(err, unix.EINTR) {
			return nil
		}
		time.Sleep(often * time.Millisecond / 5) //nolint:mnd // a container can change its mounts all the time
	}
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
