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

// Bounds of what is looked at for holders, where it isn't the host's: mounts of a
// namespace and of all, descriptors of a process and of all.
const (
	someMounts      = 1 << 14
	allMounts       = 1 << 17
	someDescriptors = 1 << 12
	allDescriptors  = 1 << 17
)

// holders finds what keeps namespaces besides the processes that are in them: mounts of
// their files, in each mount namespace, and open descriptors. One that was opened where it
// is mounted has that path for its link: the mount tells.
type holders struct {
	*surveyor
	seen                map[string]bool // mount namespaces
	of                  map[held][]int  // the places in Held of each namespace's holders
	mounts, descriptors int             // that may still be looked at
}

type held struct {
	kind  ns.Kind
	inode uint64
}

func (s *surveyor) readHeld() error {
	h := holders{
		surveyor: s, seen: make(map[string]bool), of: make(map[held][]int), mounts: allMounts, descriptors: allDescriptors,
	}
	return procfs.EachNumber("/proc", func(pid int) bool {
		if p, err := lookInto(pid); err == nil {
			if !h.readMounts(p) || !h.readDescriptors(p) {
				s.Omitted.Holders++
			}
			p.dir.Close()
		}
		return true
	})
}

// readMounts is false where not all were looked at.
func (h *holders) readMounts(p *Process) bool {
	space, err := p.readlink("ns/mnt")
	if err != nil || h.seen[space] {
		return true
	}
	bounded, n := h.bounded(p), 0
	err = p.readLines("mountinfo", func(line string) bool {
		if n++; bounded && (n > someMounts || h.mounts == 0) {
			return false
		}
		if bounded {
			h.mounts--
		}
		if !strings.Contains(line, " - nsfs ") {
			return true
		}
		if root, path, ok := survey.ParseMount(line); ok {
			h.add(root, survey.Holder{PID: p.PID, Path: short(path)})
		}
		return true
	})
	h.seen[space] = err == nil // else another process may tell
	return !bounded || n <= someMounts && h.mounts > 0
}

// bounded is false for a process of the host's own. One that was left out may be anybody's.
func (h *holders) bounded(p *Process) bool {
	return h.process(p.PID).Group != 0 || h.Omitted.Processes > 0
}

// short is the beginning of a path that is too long.
func short(path string) string {
	if len(path) > survey.MaxPath {
		path = path[:survey.MaxPath] + "…"
	}
	return strings.ToValidUTF8(path, "\ufffd")
}

// readDescriptors is false where not all were looked at.
func (h *holders) readDescriptors(p *Process) bool {
	bounded, all, n := h.bounded(p), true, 0
	var buf [32]byte // a link to a namespace is shorter, and what is cut is none
	_ = procfs.EachNumber("/proc/"+strconv.Itoa(p.PID)+"/fd", func(fd int) bool {
		if n++; bounded && (n > someDescriptors || h.descriptors == 0) {
			all = false
			return false
		}
		if bounded {
			h.descriptors--
		}
		length, _ := unix.Readlinkat(int(p.dir.Fd()), "fd/"+strconv.Itoa(fd), buf[:])
		// Not of socket:[1], pipe:[1] or anon_inode:[eventfd], which are many.
		if length > 2 && buf[length-1] == ']' && buf[0] != 's' && buf[0] != 'a' && buf[2] != 'p' {
			h.add(string(buf[:length]), survey.Holder{PID: p.PID, FD: fd})
		}
		return true
	})
	return all
}

// add adds a holder of the namespace that a link leads to, if it is one.
func (h *holders) add(link string, holder survey.Holder) {
	kind, inode, ok := survey.ParseLink(link)
	if !ok {
		return
	}
	at := h.of[held{kind, inode}]
	for _, i := range at {
		if holder.Path != "" && h.Held[i].Path == holder.Path {
			return // the same mount, that another mount namespace has too
		}
	}
	switch {
	case len(at) == survey.MaxHolders:
		h.Held[at[0]].More++
	case len(h.Held) == survey.MaxHeld:
		h.Omitted.Namespaces++
	default:
		holder.Kind, holder.Inode = kind, inode
		h.of[held{kind, inode}] = append(at, len(h.Held))
		h.Held = append(h.Held, holder)
	}
}
