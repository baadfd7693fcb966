//go:build linux

package observe

import (
	"errors"
	"fmt"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/inroot"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// readMountSource opens the source: in another container by its links, which stay inside; on the host without following
// any, after its links were resolved and described.
func (o *Observation) readMountSource(r *request.Request) (err error) {
	q, from, where := r.Mount, o.host, ""
	if q.From != nil {
		where = " of " + q.From.Quoted()
		if from, err = o.process(*q.From); err != nil {
			return err
		}
	}
	root, err := o.openMountRoot(from)
	if err != nil {
		return err
	}
	defer root.Close()
	f := o.Facts.Mount
	f.Process, f.Source = from.Facts(), &plan.MountPoint{}
	name, open := string(q.Source), inroot.OpenPath
	if !path.IsAbs(name) { // "" would be the root directory
		return fmt.Errorf("the source %q%s is not an absolute path", name, where)
	}
	if q.From == nil {
		open = inroot.OpenWithoutLinks
		if name, err = o.resolveLinks(root, name, f); err != nil {
			return fmt.Errorf("%s: %w", q.Source, err)
		}
	}
	o.MountSource, err = opened(func() (*os.File, error) { return open(root, name) })
	var list []procfs.Mount
	if err == nil {
		list, err = from.describeMount(o.MountSource, root, f.Source)
	}
	if err != nil {
		return fmt.Errorf("%s%s: %w", q.Source, where, err)
	}
	top, err := o.host.Mounts()
	if err != nil {
		return err
	}
	show := func(device, within string) {
		if at := pathOnHost(top, device, within); at != "" {
			f.Source.OnHost = append(f.Source.OnHost, at)
		}
	}
	show(f.Source.Device, f.Source.Within)
	for _, m := range Beneath(list, f.Source.Mount) {
		if !q.Single && isIn(m.Path, f.Source.Path) {
			f.Source.Beneath = append(f.Source.Beneath, m.Type)
			show(m.Device, m.Root)
		}
	}
	if len(f.Links) > 0 {
		return o.findWriters(r, root)
	}
	return nil
}

// pathOnHost returns the shortest path in a list of mounts that leads to a file of a file system; "" if none does.
func pathOnHost(list []procfs.Mount, device, within string) (found string) {
	for _, m := range list {
		if m.Device != device || !isIn(within, m.Root) {
			continue
		}
		if at := path.Join(m.Path, strings.TrimPrefix(within, strings.TrimSuffix(m.Root, "/"))); found == "" || len(at) < len(found) {
			found = at
		}
	}
	return found
}

const maxLinks = 40 // as in the kernel

// resolveLinks returns a path of the host without symbolic links, and describes those that were on the way: each with the
// directory that it is in. The result has to be opened without following links: whoever can replace a directory could
// have made a link of it since.
func (o *Observation) resolveLinks(root *os.File, name string, f *plan.MountFacts) (string, error) {
	rest := strings.Split(name, "/")
	at := "/"
	for len(rest) > 0 {
		word := rest[0]
		rest = rest[1:]
		switch word {
		case "", ".":
			continue
		case "..":
			at = path.Dir(at)
			continue
		}
		target, err := o.readLink(root, at, word, f)
		if err != nil {
			return "", err
		}
		switch {
		case target == "":
			at = path.Join(at, word)
			continue
		case len(f.Links) > maxLinks:
			return "", unix.ELOOP
		case path.IsAbs(target):
			at = "/"
		}
		rest = append(strings.Split(target, "/"), rest...)
	}
	return at, nil
}

// readLink returns where a link leads to, and adds it to f.Links; "" if it is not a link.
func (o *Observation) readLink(root *os.File, dir, name string, f *plan.MountFacts) (target string, err error) {
	link, err := opened(func() (*os.File, error) { return inroot.OpenWithoutLinks(root, path.Join(dir, name)) })
	if err != nil {
		return "", err
	}
	defer link.Close()
	st, err := statMount(link)
	if err != nil || st.Mode&unix.S_IFMT != unix.S_IFLNK {
		return "", err
	}
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(int(link.Fd()), "", buf)
	if err != nil {
		return "", err
	}
	at, err := opened(func() (*os.File, error) { return inroot.OpenDirWithoutLinks(root, dir) })
	if err != nil {
		return "", err
	}
	defer at.Close()
	l := plan.MountLink{Target: string(buf[:n]), UID: st.Uid}
	if _, err := o.host.describeMount(at, root, &l.Dir); err != nil {
		return "", err
	}
	l.Path = path.Join(l.Dir.Path, name)
	f.Links = append(f.Links, l)
	return l.Target, nil
}

// findWriters finds for each link on the way to the source who, other than the host, can write to its directory: the
// processes in other mount namespaces that the file system is mounted in, the layers of containers, and what the engine
// says about those that do not run.
func (o *Observation) findWriters(r *request.Request, root *os.File) error {
	links := o.Facts.Mount.Links
	for _, word := range r.Mount.Writable {
		name := string(word)
		if f, err := opened(func() (*os.File, error) { return inroot.OpenPath(root, name) }); err == nil {
			if leads, err := pathOf(f); err == nil {
				name = leads
			}
			f.Close()
		}
		for i := range links {
			if links[i].Writer == "" && isIn(links[i].Dir.Path, name) {
				links[i].Writer = "a container of the engine"
			}
		}
	}
	seen := map[ns.ID]int{o.host.IDs[ns.Mnt]: canWrite, o.self.IDs[ns.Mnt]: canWrite}
	top, err := o.host.Mounts()
	if err != nil {
		return err
	}
	markWriters(links, top, "a container", func(procfs.Mount) bool { return false })
	return procfs.EachNumber("/proc", func(pid int) bool {
		o.markProcess(links, top, pid, seen)
		return true
	})
}

// What was seen of a mount namespace.
const (
	readOnly = iota + 1 // only processes that cannot make a mount writable
	canWrite            // others too, or it need not be read
)

// markProcess marks the links that a process can change, if that is in a mount namespace of a container. One with the
// host's root directory is a service of the host's that has mounts of its own.
func (o *Observation) markProcess(links []plan.MountLink, host []procfs.Mount, pid int, seen map[ns.ID]int) {
	dir, err := procfs.Open(pid)
	if err != nil {
		return
	}
	defer dir.Close()
	id, err := idAt(int(dir.Fd()), "ns/mnt")
	if err != nil {
		return
	}
	may := readOnly
	if status, err := procfs.ReadStatus(dir); err == nil && mayBeAdmin(status) {
		may = canWrite
	}
	if seen[id] >= may {
		return
	}
	seen[id] = may
	list, err := procfs.ReadMounts(dir, MaxMounts)
	if err != nil && !errors.Is(err, unix.ESRCH) && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.EINVAL) {
		for i := range links {
			links[i].Writer = fmt.Sprintf("perhaps process %d", pid)
		}
	}
	rootOf := func(list []procfs.Mount) (in procfs.Mount) {
		for _, m := range list {
			if m.Path == "/" {
				in = m
			}
		}
		return in
	}
	if is, of := rootOf(list), rootOf(host); is.Device == of.Device && is.Root == of.Root {
		return
	}
	markWriters(links, list, fmt.Sprintf("a container with process %d (%s)", pid, nameOf(pid)), func(m procfs.Mount) bool {
		return may == canWrite || !m.Has("ro")
	})
}

// markWriters marks the links in directories that are in one of the mounts that writable accepts, or in the upper layer
// of an overlay among the mounts.
func markWriters(links []plan.MountLink, list []procfs.Mount, who string, writable func(procfs.Mount) bool) {
	for _, m := range list {
		for i := range links {
			l := &links[i]
			if l.Writer == "" && (writable(m) && m.Device == l.Dir.Device && isIn(l.Dir.Within, m.Root) || m.Upper != "" && isIn(l.Dir.Path, m.Upper)) {
				l.Writer = who
			}
		}
	}
}

// isIn reports whether a path is a directory or beneath it.
func isIn(name, dir string) bool {
	return name == dir || strings.HasPrefix(name, strings.TrimSuffix(dir, "/")+"/")
}
