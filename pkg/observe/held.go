//go:build linux

package observe

import (
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
	"github.com/nsjoin/docker-nsjoin/pkg/survey"
)

// readHeld finds what keeps namespaces besides the processes that are in them:
// mounts of their files, which a process of each group sees, as a line of its
// mountinfo that is left to be read by who gets it; and open descriptors. One that
// was opened where it is mounted has that path for its link: the mount tells.
func (s *surveyor) readHeld(pids []int) {
	seen := make([]bool, len(s.Groups))
	var buf [32]byte // a link to a namespace is shorter, and what is cut is none
	for _, pid := range pids {
		p, err := lookInto(pid)
		if err != nil {
			continue
		}
		if g := s.process(pid).Group; !seen[g] {
			seen[g] = true
			info, _ := p.read("mountinfo")
			for line := range strings.Lines(info) {
				if strings.Contains(line, " - nsfs ") {
					s.Held = append(s.Held, survey.Holder{PID: pid, Mount: line})
				}
			}
		}
		fds, _ := procfs.Numbers("/proc/" + strconv.Itoa(pid) + "/fd")
		for _, fd := range fds {
			n, _ := unix.Readlinkat(int(p.dir.Fd()), "fd/"+strconv.Itoa(fd), buf[:])
			// Not of socket:[1], pipe:[1] or anon_inode:[eventfd], which are many.
			if n > 2 && buf[n-1] == ']' && buf[0] != 's' && buf[0] != 'a' && buf[2] != 'p' {
				s.Held = append(s.Held, survey.Holder{PID: pid, Link: string(buf[:n]), FD: fd})
			}
		}
		p.dir.Close()
	}
}
