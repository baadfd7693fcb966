//go:build linux

package observe

import (
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
	"github.com/nsjoin/docker-nsjoin/pkg/survey"
)

// Limits of the search for holders among processes that are not the host's: mounts of one namespace and in
// total, descriptors of one process and in total.
const (
	maxMountsPerNamespace    = 1 << 14
	maxMounts                = 1 << 17
	maxDescriptorsPerProcess = 1 << 12
	maxDescriptors           = 1 << 17
)

// holders finds what keeps namespaces alive apart from the processes in them: bind mounts of their files, in each
// mount namespace, and open descriptors. A descriptor that was opened through a bind mount has the mount's path as
// its link, and is found as the mount.
type holders struct {
	*surveyor
	seen                map[string]bool     // mount namespaces that were read
	of                  map[namespace][]int // indexes in Held of each namespace's holders
	mounts, descriptors int                 // how many more may be examined
}

type namespace struct {
	kind  ns.Kind
	inode uint64
}

func (s *surveyor) readHolders() error {
	h := holders{
		surveyor: s, seen: make(map[string]bool), of: make(map[namespace][]int), mounts: maxMounts, descriptors: maxDescriptors,
	}
	return procfs.EachNumber("/proc", func(pid int) bool {
		if p, err := openProcDir(pid); err == nil {
			if !h.readMounts(p) || !h.readDescriptors(p) {
				s.Omitted.Holders++
			}
			p.dir.Close()
		}
		return true
	})
}

// readMounts returns false if not all mounts were examined.
func (h *holders) readMounts(p *Process) bool {
	space, err := p.readlink("ns/mnt")
	if err != nil || h.seen[space] {
		return true
	}
	limited, n := h.limited(p), 0
	err = p.readLines("mountinfo", func(line string) bool {
		if n++; limited && (n > maxMountsPerNamespace || h.mounts == 0) {
			return false
		}
		if limited {
			h.mounts--
		}
		if !strings.Contains(line, " - nsfs ") {
			return true
		}
		if root, path, ok := survey.ParseMount(line); ok {
			h.add(root, survey.Holder{PID: p.PID, Path: shorten(path)})
		}
		return true
	})
	h.seen[space] = err == nil // else try another process in it
	return !limited || n <= maxMountsPerNamespace && h.mounts > 0
}

// limited reports whether the limits apply to a process: they don't to one in the host's namespaces. If processes
// were left out, any process may be a container's.
func (h *holders) limited(p *Process) bool {
	return h.process(p.PID).Group != 0 || h.Omitted.Processes > 0
}

// shorten cuts a path that is too long.
func shorten(path string) string {
	if len(path) > survey.MaxPath {
		path = path[:survey.MaxPath] + "…"
	}
	return strings.ToValidUTF8(path, "\ufffd")
}

// readDescriptors returns false if not all descriptors were examined.
func (h *holders) readDescriptors(p *Process) bool {
	limited, all, n := h.limited(p), true, 0
	var buf [32]byte // a longer link is not that of a namespace
	_ = procfs.EachNumber("/proc/"+strconv.Itoa(p.PID)+"/fd", func(fd int) bool {
		if n++; limited && (n > maxDescriptorsPerProcess || h.descriptors == 0) {
			all = false
			return false
		}
		if limited {
			h.descriptors--
		}
		length, _ := unix.Readlinkat(int(p.dir.Fd()), "fd/"+strconv.Itoa(fd), buf[:])
		// Skip the many links such as socket:[1], pipe:[1] and anon_inode:[eventfd].
		if length > 2 && buf[length-1] == ']' && buf[0] != 's' && buf[0] != 'a' && buf[2] != 'p' {
			h.add(string(buf[:length]), survey.Holder{PID: p.PID, FD: fd})
		}
		return true
	})
	return all
}

// add adds a holder if the link is that of a namespace.
func (h *holders) add(link string, holder survey.Holder) {
	kind, inode, ok := survey.ParseLink(link)
	if !ok {
		return
	}
	at := h.of[namespace{kind, inode}]
	for _, i := range at {
		if holder.Path != "" && h.Held[i].Path == holder.Path {
			return // a copy of the mount in another mount namespace
		}
	}
	switch {
	case len(at) == survey.MaxHolders:
		h.Held[at[0]].More++
	case len(h.Held) == survey.MaxHeld:
		h.Omitted.Namespaces++
	default:
		holder.Kind, holder.Inode = kind, inode
		h.of[namespace{kind, inode}] = append(at, len(h.Held))
		h.Held = append(h.Held, holder)
	}
}
