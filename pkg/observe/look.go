//go:build linux

package observe

import (
	"errors"
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/survey"
)

// lookAt opens /proc/PID as a bare descriptor, for what is only told and not
// joined: everything that is read by it is of the same process, or ESRCH. An
// os.File would take a system call more each.
func lookAt(pid int) (int, error) {
	return unix.Open("/proc/"+strconv.Itoa(pid), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
}

// lookInto is lookAt for what few processes are asked for.
func lookInto(pid int) (*Process, error) {
	dir, err := openDir("/proc/" + strconv.Itoa(pid))
	return &Process{PID: pid, dir: dir}, err
}

// inodes reads a process's links in /proc/PID/ns, such as net:[4026531833].
func inodes(dir int) (survey.Inodes, error) {
	var nodes survey.Inodes
	var buf [64]byte
	for _, k := range ns.Kinds() {
		n, err := unix.Readlinkat(dir, "ns/"+k.String(), buf[:])
		if err == unix.ENOENT && k == ns.Time { //nolint:errorlint // the pass is made of this
			continue // not of this kernel
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

// inodesOfLiving reads them of another thread than the main one, which has ended; ENOENT if the
// process has.
func inodesOfLiving(dir, pid int) (survey.Inodes, error) {
	tid, err := livingThread(dir, pid)
	if err != nil || tid == 0 {
		return survey.Inodes{}, errors.Join(err, unix.ENOENT)
	}
	thread, err := openDir(fmt.Sprintf("/proc/%d/task/%d", pid, tid))
	if err != nil {
		return survey.Inodes{}, err
	}
	defer thread.Close()
	return inodes(int(thread.Fd()))
}

func inodesOf(pid int) (survey.Inodes, error) {
	dir, err := lookAt(pid)
	if err != nil {
		return survey.Inodes{}, err
	}
	nodes, err := inodes(dir)
	unix.Close(dir)
	return nodes, err
}
