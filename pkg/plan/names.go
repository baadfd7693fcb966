package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/names"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// Names says which files about names are mounted over those of the command's file system, in a copy of its mounts.
type Names struct {
	// Of is the container whose names they are. OwnFiles means that they are copies of its own files.
	Of       string `json:"of"`
	OwnFiles bool   `json:"ownFiles,omitempty"`
	// Files are mounted, read-only.
	Files []NameFile `json:"files"`
	// Hidden are directories that an empty one is mounted over: sockets of a name service cache, which would answer
	// with the host's names.
	Hidden []string `json:"hidden,omitempty"`
	// LeftOut says what is left as it is, or is missing in the files, and why.
	LeftOut []string `json:"leftOut,omitempty"`
}

// NameFile is a file about names.
type NameFile struct {
	Path string `json:"path"`
	Text string `json:"text"`
}

// NameFacts are what a command's names depend on, if its request has Names.
type NameFacts struct {
	// Refused says for the files in the command's file system why nothing can be mounted over them; "" if it can.
	Refused map[string]string
	// Nsswitch is nsswitch.conf there, and Caches the directories there that a name service cache has its socket in.
	Nsswitch string
	Caches   []string
	// HostResolv and HostHosts are files of the engine's host.
	HostResolv, HostHosts string
	// Own has the container's own files, if the request is for these, by path.
	Own map[string]string
	// SysMounts are the mounts beneath the host's /sys. SysRefused says why another /sys can't be mounted over it.
	SysMounts  []Mount
	SysRefused string
}

// initialUsers is the inode number of the initial user namespace, USER_NS_INIT_INO of linux/nsfs.h.
const initialUsers = 0xEFFFFFFD

// namesFor decides about the command's names. It is an error if the user asked for names and none can be had.
func (p *Plan) namesFor(r *request.Request, o *Observed) (*Names, error) {
	if r.Names == nil {
		return nil, nil //nolint:nilnil // the command has the names of its file system
	}
	n := &Names{Of: r.Names.Source.Name, OwnFiles: r.Names.Files, LeftOut: slices.Clone(r.Names.Made.Notes)}
	for _, path := range names.Paths() {
		var text, why string
		if n.OwnFiles {
			text, why = n.own(path, o)
		} else {
			text, why = madeName(path, &r.Names.Made, o)
		}
		if why == "" {
			why = o.Names.Refused[path]
		}
		if why != "" {
			n.leaveOut(path, why)
			continue
		}
		n.Files = append(n.Files, NameFile{Path: path, Text: text})
	}
	if !p.foreign(o) && len(n.Files) > 0 {
		n.lookUp(o)
	}
	if r.Names.Asked && len(n.Files) == 0 {
		return nil, exit.Hint(fmt.Errorf("--names: no file of %q can be shown: %s", n.Of, strings.Join(n.LeftOut, "; ")),
			"leave out --names, or use --names host")
	}
	return n, nil
}

// leaveOut says that the file or directory at path is left as it is.
func (n *Names) leaveOut(path, why string) { n.LeftOut = append(n.LeftOut, path+": "+why) }

// madeName returns the text of a file that is made from what the engine says, or why it can't be made.
func madeName(path string, made *request.MadeNames, o *Observed) (text, why string) {
	if why := made.Unknown[path]; why != "" {
		return "", why
	}
	switch path {
	case names.ResolvConf:
		return made.Resolv.Text(o.Names.HostResolv), ""
	case names.HostsFile:
		if made.Hosts == "" {
			return o.Names.HostHosts, ""
		}
		return made.Hosts, ""
	}
	return made.Hostname, ""
}

// own returns the valid part of the container's own file, or why there is none.
func (n *Names) own(path string, o *Observed) (text, why string) {
	own, ok := o.Names.Own[path]
	if !ok {
		return "", fmt.Sprintf("%q has no such file", n.Of)
	}
	dropped := 0
	switch path {
	case names.ResolvConf:
		text, dropped = names.CleanResolv(own)
	case names.HostsFile:
		text, dropped = names.CleanHosts(own)
	default:
		if text, ok = names.CleanHostname(own); !ok {
			return "", fmt.Sprintf("that of %q is not a valid name", n.Of)
		}
	}
	if dropped > 0 {
		n.LeftOut = append(n.LeftOut, fmt.Sprintf("%d lines or words of the %s of %q, which are not valid or are about localhost", dropped, path, n.Of))
	}
	return text, ""
}

// lookUp has the host's programs look names up in the files, then by DNS: not in a cache, and not by asking a
// service of the host.
func (n *Names) lookUp(o *Observed) {
	n.Hidden = o.Names.Caches
	if why := o.Names.Refused[names.Nsswitch]; why != "" {
		n.leaveOut(names.Nsswitch, why)
		return
	}
	if text, changed := names.FilesThenDNS(o.Names.Nsswitch); changed {
		n.Files = append(n.Files, NameFile{Path: names.Nsswitch, Text: text})
	}
}

// NeedsSysMounts reports whether the command gets the host's mounts, but another network and its names. It then gets
// a /sys of that network, for which an Observed needs Names.SysMounts. mnt is the process that the mount namespace
// comes from, and net the network namespace.
func NeedsSysMounts(r *request.Request, host, mnt Process, net ns.ID) bool {
	return r.Names != nil && !NeedsTargetProcess(host, mnt) && (r.New(ns.Net) || net != host.Namespaces[ns.Net])
}

// naming returns the steps that mount the files and /sys.
func (p *Plan) naming(r *request.Request, o *Observed) []Step {
	if p.Names == nil {
		return nil
	}
	var list []Step
	if len(p.Names.Files) > 0 || len(p.Names.Hidden) > 0 {
		list = append(list, Step{Op: OpNames, At: procDir})
	}
	if !NeedsSysMounts(r, o.host(), o.source(r, ns.Mnt), p.row(ns.Net).ID) {
		return list
	}
	const sys = "/sys"
	why := o.Names.SysRefused
	switch user := p.row(ns.User); {
	case why != "":
	case user.Join || user.New:
		why = "the command's user namespace may have no rights over the network"
	case user.ID.Ino != initialUsers:
		why = "the engine is rootless, and has no rights over the host's /sys"
	}
	if why != "" {
		p.Names.leaveOut(sys, why)
		return list
	}
	return append(list, Step{
		Op: OpSys, Beneath: o.Names.SysMounts,
		At: assembleAt(sys, o.Names.SysMounts, "block", "class", "dev", "module", "power", "bus"),
	})
}

// nameWarnings are about names that the user asked for: what of them is left out.
func (p *Plan) nameWarnings(r *request.Request) []string {
	if p.Names == nil || !r.Names.Asked {
		return nil
	}
	var list []string
	for _, what := range p.Names.LeftOut {
		list = append(list, fmt.Sprintf("names of %q: left out: %s", p.Names.Of, what))
	}
	return list
}

// rows returns what a printed plan says about the names.
func (n *Names) rows() [][2]string {
	if n == nil {
		return nil
	}
	origin := "made for " + n.Of + ": "
	if n.OwnFiles {
		origin = "copied from " + n.Of + ": "
	}
	rows := [][2]string{{"names", origin + orNone(strings.Join(n.paths(), " "))}}
	for _, what := range n.LeftOut {
		rows = append(rows, [2]string{"left out", what})
	}
	return rows
}

// paths returns the paths of the files.
func (n *Names) paths() []string {
	var list []string
	for _, f := range n.Files {
		list = append(list, f.Path)
	}
	return list
}
