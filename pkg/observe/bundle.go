//go:build linux

package observe

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
	"github.com/nsjoin/docker-nsjoin/pkg/seccomp"
)

// maxBundle limits a bundle's config.json, in bytes. Docker's are 30 KB. The largest part of a big one is the
// environment, which execve(2) limits to 6 MiB.
const maxBundle = 16 << 20

// bundle has the fields of config.json that are used. The OCI runtime specification defines them:
// https://github.com/opencontainers/runtime-spec/blob/main/config.md
type bundle struct {
	Process struct {
		Terminal bool     `json:"terminal"`
		Env      []string `json:"env"`
		Cwd      string   `json:"cwd"`
		User     struct {
			UID            uint32   `json:"uid"`
			GID            uint32   `json:"gid"`
			Umask          *uint32  `json:"umask"`
			AdditionalGids []uint32 `json:"additionalGids"`
		} `json:"user"`
		Capabilities struct {
			Bounding    []string `json:"bounding"`
			Effective   []string `json:"effective"`
			Inheritable []string `json:"inheritable"`
			Permitted   []string `json:"permitted"`
			Ambient     []string `json:"ambient"`
		} `json:"capabilities"`
		Rlimits []struct {
			Type string `json:"type"`
			Hard uint64 `json:"hard"`
			Soft uint64 `json:"soft"`
		} `json:"rlimits"`
		NoNewPrivileges bool   `json:"noNewPrivileges"`
		ApparmorProfile string `json:"apparmorProfile"`
		SelinuxLabel    string `json:"selinuxLabel"`
		OOMScoreAdj     *int   `json:"oomScoreAdj"`
	} `json:"process"`
	Linux struct {
		Seccomp    *seccomp.Profile `json:"seccomp"`
		Namespaces []struct {
			Type string `json:"type"`
			Path string `json:"path"`
		} `json:"namespaces"`
	} `json:"linux"`
}

// namespace returns whether the container has a namespace of this type that is not the shim's. path is the file that
// it is taken from; "" if the runtime made it.
func (b *bundle) namespace(kind string) (listed bool, path string) {
	for _, n := range b.Linux.Namespaces {
		if n.Type == kind {
			return true, n.Path
		}
	}
	return false, ""
}

// shim opens the shim of a container's first process, which is its parent. The proof that p is that process,
// and not another that got its number, is the shim's working directory: it is the bundle, which is named by the
// container's full ID. Podman's conmon has the bundle in its command line. A process in a container could give
// its own directory that name, but it cannot leave the container's mount namespace and cgroups, which prove checks.
//
// parent is HostConfig.CgroupParent.
func (p *Process) shim(id, parent string) (*Process, error) {
	st, err := p.readStatus()
	if err != nil {
		return nil, err
	}
	ppid, err := st.Number("PPid", 10)
	if err != nil {
		return nil, err
	}
	if ppid == 0 {
		return nil, errNotContainer
	}
	shim, err := OpenProcess(int(ppid))
	if err != nil {
		return nil, err
	}
	if err := p.prove(shim, id, parent); err != nil {
		shim.release()
		return nil, err
	}
	return shim, nil
}

// prove proves that shim is the shim of container id, and p the container's first process. It reads nothing
// that a container controls before it knows that shim is not in a container.
func (p *Process) prove(shim *Process, id, parent string) error {
	inside, err := p.shimInContainer(shim, id, parent)
	if err != nil {
		return err
	}
	if inside {
		return errNotContainer
	}
	if err := shim.findBundle(id); err != nil {
		return err
	}
	return p.Alive() // otherwise shim may be the parent of a later process with p's number
}

// findBundle finds the bundle of the container that p is the shim of.
func (p *Process) findBundle(id string) error {
	var err error
	p.bundleFile = "cwd/config.json"
	if p.bundle, err = p.readlink("cwd"); err != nil || path.Base(p.bundle) == id {
		return err
	}
	// conmon -c ID -b …/ID/userdata, conmon(8). Its working directory is its caller's.
	line, err := p.readMemory("cmdline", procfs.MaxFile)
	if err != nil {
		return err
	}
	args := strings.Split(line, "\x00")
	i := slices.Index(args, "-b")
	if path.Base(args[0]) != "conmon" || i < 0 || i+1 == len(args) || path.Base(path.Dir(args[i+1])) != id {
		return errNotContainer
	}
	p.bundle, p.bundleFile = args[i+1], "root"+args[i+1]+"/config.json"
	return nil
}

// errNotContainer says that a process is not the container's first process.
var errNotContainer = errors.New("it is not the container's first process on this host")

// readBundle reads the specification that the container was created from.
func (p *Process) readBundle() (*bundle, error) {
	f, err := p.open(p.bundleFile, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return nil, fmt.Errorf("config.json: %w", err)
	}
	text := make([]byte, min(st.Size, maxBundle)+1) // io.ReadAll would use three times as much memory
	n, err := io.ReadFull(f, text)
	switch {
	case err == nil:
		return nil, fmt.Errorf("config.json: larger than %d bytes", len(text)-1)
	case !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		return nil, err
	}
	return parseBundle(text[:n])
}

func parseBundle(text []byte) (*bundle, error) {
	var b bundle
	if err := json.Unmarshal(text, &b); err != nil {
		return nil, fmt.Errorf("config.json: %w", err)
	}
	if len(b.Process.Env) == 0 && b.Process.Cwd == "" {
		return nil, errors.New("config.json: no process is specified")
	}
	return &b, nil
}

// spec returns the specification of the bundle's process for a plan.
func (b *bundle) spec() (plan.Spec, error) {
	p := &b.Process
	s := plan.Spec{
		Env:      p.Env,
		Terminal: p.Terminal,
		Dir:      p.Cwd,
		UID:      p.User.UID,
		GID:      p.User.GID,
		Groups:   p.User.AdditionalGids,
		Umask:    p.User.Umask,
		Capabilities: plan.Capabilities{
			Bounding:    capSet(p.Capabilities.Bounding),
			Permitted:   capSet(p.Capabilities.Permitted),
			Effective:   capSet(p.Capabilities.Effective),
			Inheritable: capSet(p.Capabilities.Inheritable),
			Ambient:     capSet(p.Capabilities.Ambient),
		},
		NoNewPrivileges: p.NoNewPrivileges,
		OOMScoreAdj:     p.OOMScoreAdj,
		AppArmor:        p.ApparmorProfile,
		SELinux:         p.SelinuxLabel,
		Seccomp:         b.Linux.Seccomp != nil,
	}
	for _, l := range p.Rlimits {
		resource, err := plan.ParseResource(l.Type)
		if err != nil {
			return plan.Spec{}, fmt.Errorf("config.json: %w", err)
		}
		s.Limits = append(s.Limits, plan.Limit{Resource: resource, Soft: l.Soft, Hard: l.Hard})
	}
	return s, nil
}

func capSet(names []string) plan.CapSet {
	var set plan.CapSet
	for _, name := range names {
		set |= plan.ParseCap(name)
	}
	return set
}
