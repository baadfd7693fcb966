//go:build linux

package observe

import (
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/inroot"
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
	root, err := o.openMounts(from)
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
	if q.MapIDs && q.From == nil {
		return readOwner(root, f.Source)
	}
	return nil
}

// readOwner reads what the host, with this root directory, says about the owner of a source and about its group.
func readOwner(root *os.File, s *plan.MountPoint) error {
	passwd, err := readUserFile(root, "/etc/passwd")
	if err != nil {
		return fmt.Errorf("the host: %w", err)
	}
	u, name, err := findLine(strconv.Itoa(int(s.UID)), int(s.UID), true, passwd)
	if err != nil {
		return fmt.Errorf("the host's /etc/passwd: %w", err)
	}
	s.OwnGroup = name != "" && u.gid == int(s.GID)
	for _, socket := range plan.EngineSockets() {
		f, err := inroot.OpenPath(root, socket)
		if err != nil {
			continue
		}
		st, err := statMount(f)
		f.Close()
		if err != nil {
			return fmt.Errorf("%s: %w", socket, err)
		}
		s.OfEngine = s.OfEngine || st.Uid == s.UID || st.Gid == s.GID
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
	l := plan.MountLink{Target: string(buf[:n])}
	if _, err := o.host.describeMount(at, root, &l.Dir); err != nil {
		return "", err
	}
	l.Path = path.Join(l.Dir.Path, name)
	f.Links = append(f.Links, l)
	return l.Target, nil
}

// isIn reports whether a path is a directory or beneath it.
func isIn(name, dir string) bool {
	return name == dir || strings.HasPrefix(name, strings.TrimSuffix(dir, "/")+"/")
}
