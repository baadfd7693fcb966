//go:build linux

package observe

import (
	"errors"
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
	"github.com/nsjoin/docker-nsjoin/pkg/survey"
)

// openProcFD opens /proc/PID as a bare descriptor, for the survey of all processes: an os.File would take one
// more system call for each. What is read through it always belongs to the same process.
func openProcFD(pid int) (int, error) {
	return unix.Open("/proc/"+strconv.Itoa(pid), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
}

// openProcDir opens /proc/PID for a process of which only files in /proc are read. It opens no pidfd.
func openProcDir(pid int) (*Process, error) {
	dir, err := procfs.Open(pid)
	return &Process{PID: pid, dir: dir}, err
}

// inodes reads the links in /proc/PID/ns, such as net:[4026531833].
func inodes(dir int) (survey.Inodes, error) {
	var nodes survey.Inodes
	var buf [64]byte
	for _, k := range ns.Kinds() {
		n, err := unix.Readlinkat(dir, "ns/"+k.String(), buf[:])
		if err == unix.ENOENT && k == ns.Time { //nolint:errorlint // errors.Is is slow, and this runs for each process
			continue // a kernel without time namespaces
		}
		if err != nil {
			return nodes, err
		}
		for _, digit := range buf[:n] {
			if digit >= '0' && digit <= '9' {
				nodes[k] = nodes[k]*10 + uint64(digit-'0')
			}
		}
	}
	return nodes, nil
}

// inodesOfLivingThread reads them from another thread if the main thread has ended. The error is ENOENT if the
// process has ended.
func inodesOfLivingThread(dir, pid int) (survey.Inodes, error) {
	tid, err := livingThread(dir, pid)
	if err != nil || tid == 0 {
		return survey.Inodes{}, errors.Join(err, unix.ENOENT)
	}
	thread, err := procfs.OpenDir(fmt.Sprintf("/proc/%d/task/%d", pid, tid))
	if err != nil {
		return survey.Inodes{}, err
	}
	defer thread.Close()
	return inodes(int(thread.Fd()))
}

func inodesOf(pid int) (survey.Inodes, error) {
	dir, err := openProcFD(pid)
	if err != nil {
		return survey.Inodes{}, err
	}
	nodes, err := inodes(dir)
	unix.Close(dir)
	return nodes, err
}
