//go:build linux

package observe

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/inroot"
	"github.com/nsjoin/docker-nsjoin/pkg/names"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// stubServers is the file that Docker reads if the host's resolv.conf names only the stub of systemd-resolved: it has
// the servers that the stub asks.
const stubServers = "/run/systemd/resolve/resolv.conf"

// readNames reads what the command's names depend on. mounts is the process that its mount namespace comes from.
func (o *Observation) readNames(r *request.Request, mounts *Process) error {
	if r.Names == nil {
		return nil
	}
	facts := &o.Facts.Names
	ownMounts := plan.NeedsTargetProcess(o.host.Facts(), mounts.Facts())
	root, err := o.openMountRoot(mounts)
	if err != nil {
		return err
	}
	defer root.Close()
	facts.Refused = make(map[string]string)
	for _, path := range names.Paths() {
		facts.Refused[path] = refusedTarget(root, path)
	}
	if !ownMounts {
		facts.Nsswitch, facts.Refused[names.Nsswitch] = hostText(root, names.Nsswitch)
		facts.Caches = caches(root)
	}
	if r.Names.Files {
		if err := o.readOwnNames(r.Names.Source); err != nil {
			return fmt.Errorf("names of %s: %w", r.Names.Source.Quoted(), err)
		}
	} else if err := o.readHostNames(r.Names); err != nil {
		return err
	}
	return o.readSysMounts(r, mounts)
}

// refusedTarget returns why nothing can be mounted over a file of the command's file system: it is never made there. "" if
// it can.
func refusedTarget(root *os.File, path string) string {
	f, err := inroot.OpenPath(root, path)
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	var st unix.Stat_t
	switch err := unix.Fstat(int(f.Fd()), &st); {
	case err != nil:
		return err.Error()
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		return "not a regular file"
	}
	return ""
}

// hostText reads a file of the host that is used if it can be read. refused says why it can't.
func hostText(root *os.File, path string) (text, refused string) {
	read, err := nameFile(root, path)
	if err != nil {
		return "", err.Error()
	}
	return string(read), ""
}

// caches returns the directories in which a name service cache has its socket, each once.
func caches(root *os.File) []string {
	var found []string
	var seen []unix.Stat_t
	for _, path := range []string{"/run/nscd", "/var/run/nscd"} {
		f, err := inroot.OpenPath(root, path)
		if err != nil {
			continue
		}
		var st unix.Stat_t
		err = unix.Fstat(int(f.Fd()), &st)
		f.Close()
		isSame := func(other unix.Stat_t) bool { return other.Dev == st.Dev && other.Ino == st.Ino }
		if err == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR && !slices.ContainsFunc(seen, isSame) {
			seen, found = append(seen, st), append(found, path)
		}
	}
	return found
}

// readOwnNames reads the three files in a container's mounts. They are hostile, like all files there. Without one of
// them the container has no such names; one that can't be read is an error.
func (o *Observation) readOwnNames(container request.Source) error {
	p, err := o.process(container)
	if err != nil {
		return err
	}
	root, err := o.openMountRoot(p)
	if err != nil {
		return err
	}
	defer root.Close()
	o.Facts.Names.Own = make(map[string]string)
	for _, path := range names.Paths() {
		text, err := nameFile(root, path)
		switch {
		case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENOTDIR):
		case err != nil:
			return fmt.Errorf("its %s: %w", path, err)
		default:
			o.Facts.Names.Own[path] = string(text)
		}
	}
	return nil
}

// readHostNames reads the files that Docker makes a container's from: those of the engine's host in the mounts of the
// engine, which are those of the container's shim. One that can't be read is like an empty one, as it is for Docker.
func (o *Observation) readHostNames(r *request.Names) error {
	p, err := o.process(r.Source)
	if err != nil {
		return err
	}
	engine := o.shims[p]
	if engine == nil {
		engine = o.host
	}
	root, err := engine.OpenRoot()
	if err != nil {
		return err
	}
	defer root.Close()
	facts := &o.Facts.Names
	facts.HostResolv, _ = hostText(root, names.ResolvConf)
	if names.OnlyStub(facts.HostResolv) {
		if text, refused := hostText(root, stubServers); refused == "" {
			facts.HostResolv = text
		}
	}
	if r.Made.Hosts == "" {
		facts.HostHosts, _ = hostText(root, names.HostsFile)
	}
	return nil
}

// nameFile reads a regular file of at most names.MaxFile bytes in root.
func nameFile(root *os.File, path string) ([]byte, error) {
	f, err := inroot.OpenRegular(root, path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, names.MaxFile+1))
	if err == nil && len(text) > names.MaxFile {
		err = fmt.Errorf("larger than %d bytes", names.MaxFile)
	}
	return text, err
}

// readSysMounts reads the mounts beneath the host's /sys if the plan mounts another one.
func (o *Observation) readSysMounts(r *request.Request, mounts *Process) error {
	net := o.Facts.Paths[ns.Net].ID
	if source := r.Source(ns.Net); source.From != request.FromPath {
		p, err := o.process(source)
		if err != nil {
			return err
		}
		net = p.IDs[ns.Net]
	}
	if !plan.NeedsSysMounts(r, o.host.Facts(), mounts.Facts(), net) {
		return nil
	}
	list, err := o.hostMounts("/sys")
	if err != nil {
		return err
	}
	var ok bool
	facts := &o.Facts.Names
	if ok, facts.SysMounts = mountsOn("/sys", "sysfs", list); !ok {
		facts.SysRefused = "no sysfs is mounted there"
	}
	if len(list) > maxHostMounts {
		facts.SysMounts, facts.SysRefused = nil, fmt.Sprintf("more than %d mounts are beneath it", maxHostMounts)
	}
	return nil
}
