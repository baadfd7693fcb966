//go:build linux

package sibling

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// limitNames and limitEnds are the files that limit a group, Documentation/admin-guide/cgroup-v2.rst, or the ends of
// their names. What a group is guaranteed (memory.min and memory.low) is left out: a second group would take it from
// others.
var (
	limitNames = []string{
		"cgroup.max.depth", "cgroup.max.descendants", "cpu.idle", "cpu.max.burst", "cpu.uclamp.min", "cpu.weight", "cpuset.cpus", "cpuset.mems", "io.bfq.weight", "io.latency",
		"io.weight", "memory.oom.group", "memory.zswap.writeback",
	}
	limitEnds = []string{".high", ".max"}
)

// isLimit reports whether a file limits the group, or its share of what there is.
func isLimit(name string) bool {
	return slices.Contains(limitNames, name) || slices.ContainsFunc(limitEnds, func(end string) bool { return strings.HasSuffix(name, end) })
}

// copyLimits gives the group at to the limits of the one at from.
func copyLimits(from, to *os.File) error {
	dir, err := openAt(from, ".", unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	defer dir.Close()
	buf := make([]byte, 8<<10)
	for {
		n, err := unix.ReadDirent(int(dir.Fd()), buf)
		if err != nil || n <= 0 {
			return err
		}
		_, _, names := unix.ParseDirent(buf[:n], -1, nil)
		for _, name := range names {
			if !isLimit(name) {
				continue
			}
			if err := copyLimit(from, to, name); err != nil {
				return fmt.Errorf("the limit %s: %w", name, err)
			}
		}
	}
}

// copyLimit copies one file, line by line as the kernel takes them.
func copyLimit(from, to *os.File, name string) error {
	want, err := read(from, name)
	if err != nil {
		return err
	}
	now, err := read(to, name)
	if err != nil || now == want {
		return err
	}
	if name == "cpu.weight" && want == "0\n" {
		return nil // with cpu.idle, which is a file of its own
	}
	f, err := openAt(to, name, unix.O_WRONLY)
	if err != nil {
		return err
	}
	defer f.Close()
	for line := range strings.Lines(want) {
		if _, err := f.WriteString(strings.TrimSuffix(line, "\n")); err != nil {
			return err
		}
	}
	now, err = read(to, name)
	if err == nil && now != want && name != "cpu.weight" {
		err = fmt.Errorf("it is %q, not %q", strings.TrimSpace(now), strings.TrimSpace(want))
	}
	return err
}

// openAt opens a file of a group.
func openAt(dir *os.File, name string, flags int) (*os.File, error) {
	fd, err := unix.Openat(int(dir.Fd()), name, flags|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

// read reads a file of a group.
func read(dir *os.File, name string) (string, error) {
	f, err := openAt(dir, name, unix.O_RDONLY)
	if err != nil {
		return "", err
	}
	defer f.Close()
	const most = 64 << 10
	text := make([]byte, most)
	total := 0
	for total < most {
		n, err := unix.Read(int(f.Fd()), text[total:])
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return "", err
		}
		if n == 0 {
			return string(text[:total]), nil
		}
		total += n
	}
	return "", errors.New("it is too large")
}

// readLine reads a file of one line; "" if it cannot be read.
func readLine(dir *os.File, name string) string {
	text, _ := read(dir, name)
	return strings.TrimSpace(text)
}

// eventIs reports whether cgroup.events of a group has a line.
func eventIs(dir *os.File, line string) bool {
	text, err := read(dir, "cgroup.events")
	return err == nil && slices.Contains(strings.Split(text, "\n"), line)
}

// hasLine is eventIs of an open file.
func hasLine(events *os.File, line string) bool {
	text := make([]byte, 1<<10)
	n, err := events.ReadAt(text, 0)
	return n == 0 && err != nil || slices.Contains(strings.Split(string(text[:n]), "\n"), line)
}

// pids returns the processes of a group.
func pids(dir *os.File) (numbers []int) {
	text, _ := read(dir, "cgroup.procs")
	for line := range strings.Lines(text) {
		if n, err := strconv.Atoi(strings.TrimSpace(line)); err == nil && n > 0 {
			numbers = append(numbers, n)
		}
	}
	return numbers
}
