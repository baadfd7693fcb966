package plan

import (
	"errors"
	"fmt"
	"strings"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// View is a root directory of the command's own. It is a tree of ours, on which the entries of the
// container's root directory are mounted. The tree is an overlay without an upper layer: not even the
// container's root with CAP_SYS_ADMIN can make it writable, unlike a read-only bind mount.
type View struct {
	// Flags are those of the tree's mount, mount(8).
	Flags []string `json:"flags"`
	// Tree is a directory of the helper's own that the tree shows too; "" for none. Target is where the container's
	// root directory is then.
	Tree   string `json:"tree,omitempty"`
	Target string `json:"target,omitempty"`
	// Hide is an entry of Tree that is the helper's own, and not shown; "" for none.
	Hide string `json:"hide,omitempty"`
	// Clone is a container's root directory in a view of the host's; nil for a view of the container's.
	Clone *ViewClone `json:"clone,omitempty"`
	// Program is the path of the toolbox's program in the tree.
	Program string `json:"program,omitempty"`
	// Tools are the names of the links to it in the directory Bin.
	Bin   string   `json:"bin,omitempty"`
	Tools []string `json:"tools,omitempty"`
	// Files are the user's own programs in Bin. A file with Link is a link to another one.
	Files []request.File `json:"files,omitempty"`
	// FilesOf says where the files come from.
	FilesOf string `json:"filesOf,omitempty"`
	// NoExec means that only the toolbox's programs can be executed, since the command has more rights than the
	// container.
	NoExec bool `json:"noExec,omitempty"`
	// Mounts are the mounts on the tree.
	Mounts []ViewMount `json:"mounts"`
	// Links are symbolic links in the tree, copied from the container's root directory.
	Links []ViewLink `json:"links"`
}

// ViewMount is a file or directory of the container that is mounted on the view, with all mounts beneath it.
type ViewMount struct {
	From string `json:"from"` // the path in the container
	At   string `json:"at"`   // the path in the view
	Dir  bool   `json:"dir,omitempty"`
}

// ViewLink is a symbolic link in the view.
type ViewLink struct {
	At string `json:"at"`
	To string `json:"to"`
}

// MaxEntries is the number of entries that a container's root directory may have for a view. Each is a mount.
const MaxEntries = 512

// ToolsDir is the view's directory with the toolbox's programs.
const ToolsDir = "/" + viewDir + "/bin"

// ToolsShell is the toolbox's shell in the view.
const ToolsShell = ToolsDir + "/sh"

const (
	viewDir   = ".nsjoin" // the entry of the view's root directory that is not the container's
	targetDir = "/target" // the container's root directory in a view with a Tree
)

// view decides the command's root directory; nil if it is that of its mount namespace.
func (p *Plan) view(r *request.Request, o *Observed) (*View, error) {
	if r.View == nil {
		return nil, nil //nolint:nilnil // there may be none
	}
	if err := p.refuseView(r, o); err != nil {
		return nil, err
	}
	source := r.Source(ns.Mnt)
	v := &View{
		Flags: []string{"ro", "nosuid", "nodev"}, Mounts: []ViewMount{}, Links: []ViewLink{},
		NoExec: r.Profile.Adds() && !r.TrustContainer,
	}
	if r.View.Host {
		v.Clone = cloneOf(r, o)
	}
	err := v.addFiles(r.View, o)
	if err == nil {
		err = v.toolbox(r.View.Tools)
	}
	if err != nil {
		return nil, fmt.Errorf("view of %s: %w", source.Quoted(), err)
	}
	var warnings []string
	if r.View.Tree == "" {
		var entries []Entry
		for _, e := range o.Root.Entries { // slices.DeleteFunc would make the helper larger
			if e.Name != r.View.Hide {
				entries = append(entries, e)
			}
		}
		warnings, err = v.addEntries(source, entries)
	} else {
		v.Tree, v.Target, v.Hide = string(r.View.Tree), targetDir, r.Call.Directory()
		warnings = v.addTargetMounts(source, o.Root.Entries)
	}
	if err != nil {
		return nil, fmt.Errorf("view of %s: %w", source.Quoted(), err)
	}
	p.Warnings = append(p.Warnings, warnings...)
	if o.ProgramsLeft != "" {
		p.Warnings = append(p.Warnings, o.ProgramsLeft)
	}
	for _, name := range o.Root.Silent {
		p.Warnings = append(p.Warnings, fmt.Sprintf("%q of %s is not in the view: its file system does not answer", "/"+name, source.Quoted()))
	}
	return v, nil
}

// refuseView returns an error if there can be no view.
func (p *Plan) refuseView(r *request.Request, o *Observed) error {
	switch {
	case r.View.Host:
		if err := p.refuseHostView(r, o); err != nil {
			return err
		}
	case !p.foreign(o):
		return exit.Hint(errors.New("the command is to run in the host's file system, which has no view with a toolbox"),
			"name a container whose file system the command has")
	}
	if o.Root.More {
		return exit.Hint(fmt.Errorf("view of %s: its root directory has more than %d entries, and each would be a mount", r.Source(ns.Mnt).Quoted(), MaxEntries),
			"docker nsjoin --except mnt %s COMMAND runs the host's own programs on the container's processes", r.Base)
	}
	return nil
}

// addEntries adds all entries of a root directory.
func (v *View) addEntries(source request.Source, entries []Entry) (warnings []string, err error) {
	for _, e := range entries {
		at := "/" + e.Name
		switch {
		case !isFileName(e.Name): // the kernel does not return such a name
			return nil, fmt.Errorf("its root directory has an entry named %q", e.Name)
		case v.Clone != nil && at == v.Clone.At:
			warnings = append(warnings, fmt.Sprintf("%s of %s is hidden by that of %q", at, source.Quoted(), v.Clone.Of))
		case e.Name == viewDir && v.Bin != "":
			warnings = append(warnings, fmt.Sprintf("%s of %s is hidden by the toolbox", at, source.Quoted()))
		case e.Link != "":
			v.Links = append(v.Links, ViewLink{At: at, To: e.Link})
		default:
			v.Mounts = append(v.Mounts, ViewMount{From: at, At: at, Dir: e.Dir})
		}
	}
	return warnings, nil
}

// TargetMounts returns what is the container's in a view with a Tree, at the same places: the kernel's file systems,
// and the files about names, which an engine mounts.
func TargetMounts() []string {
	return []string{"dev", "etc/hostname", "etc/hosts", "etc/resolv.conf", "proc", "sys"}
}

// addTargetMounts adds those of TargetMounts that the container has.
func (v *View) addTargetMounts(source request.Source, entries []Entry) (warnings []string) {
	for _, e := range entries {
		at := "/" + e.Name
		if file := strings.HasPrefix(e.Name, "etc/"); e.Link != "" || file == e.Dir {
			warnings = append(warnings, fmt.Sprintf("%s of %s is not what an engine makes there, and is only in %s", at, source.Quoted(), v.Target))
			continue
		}
		v.Mounts = append(v.Mounts, ViewMount{From: at, At: at, Dir: e.Dir})
	}
	return warnings
}

// isFileName reports whether name can be an entry of a directory.
func isFileName(name string) bool {
	return name != "" && name != "." && name != ".." && len(name) <= 255 && strings.IndexByte(name, '/') < 0 && strings.IndexByte(name, 0) < 0
}

// viewRows returns the view as pairs of a place and what is there.
func (p *Plan) viewRows() [][2]string {
	v := p.View
	rows := [][2]string{
		{"/", "an overlay of docker nsjoin's, " + strings.Join(v.Flags, ",")},
	}
	if v.Tree != "" {
		rows[0][1] = "an overlay of " + QuoteArg(v.Tree) + " in the helper's container, " + strings.Join(v.Flags, ",")
		rows = append(rows, [2]string{v.Target, "the root directory of " + p.row(ns.Mnt).Source + ", with the mounts beneath it"})
	}
	if c := v.Clone; c != nil {
		rows = append(rows, [2]string{c.At, "the root directory of " + c.Of + ", with the mounts beneath it, private, " + strings.Join(c.Flags, ",")})
	}
	rows = append(rows, v.binRows()...)
	for _, m := range v.Mounts {
		text := "of " + p.row(ns.Mnt).Source
		if m.From != m.At {
			text = QuoteArg(m.From) + " " + text
		}
		if v.NoExec {
			text += ", noexec"
		}
		if m.Dir {
			text += ", with the mounts beneath it"
		}
		rows = append(rows, [2]string{QuoteArg(m.At), text})
	}
	for _, l := range v.Links {
		rows = append(rows, [2]string{QuoteArg(l.At), "a link to " + QuoteArg(l.To)})
	}
	return rows
}
