package plan

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// maxTools limits the toolbox, whose names come from the plugin.
const maxTools = 1000

// addFiles adds the user's own programs.
func (v *View) addFiles(asked *request.View, o *Observed) error {
	switch {
	case asked.HostDir != "":
		v.Files, v.FilesOf = o.Programs, "the engine's host: "+QuoteArg(string(asked.HostDir))
	case len(asked.OwnDirs) > 0:
		v.Files, v.FilesOf = o.Programs, "the image"
	case len(asked.Files) > 0:
		v.Files, v.FilesOf = asked.Files, "the caller's machine"
	default:
		return nil
	}
	if len(v.Files) > request.MaxFiles {
		return fmt.Errorf("%d programs, more than %d", len(v.Files), request.MaxFiles)
	}
	var total int64
	names := make(map[request.Word]bool, len(v.Files)) // and whether it is a link
	for _, f := range v.Files {
		if _, twice := names[f.Name]; twice || !isFileName(string(f.Name)) {
			return fmt.Errorf("%q is not the name of a program, or is there twice", f.Name)
		}
		if f.Size < 0 || f.Size > request.MaxFileBytes-total || f.Link != "" && f.Size > 0 {
			return fmt.Errorf("the programs have more than %d bytes", request.MaxFileBytes)
		}
		names[f.Name], total = f.Link != "", total+f.Size
	}
	for _, f := range v.Files {
		if isLink, is := names[f.Link]; f.Link != "" && (!is || isLink) {
			return fmt.Errorf("%q is a link to %q, which is none of the programs", f.Name, f.Link)
		}
	}
	v.Bin = ToolsDir
	return nil
}

// toolbox adds the toolbox's programs, without those that the files replace.
func (v *View) toolbox(tools []string) error {
	if len(tools) > maxTools {
		return fmt.Errorf("the toolbox has %d programs, more than %d", len(tools), maxTools)
	}
	for _, name := range tools {
		if !isFileName(name) {
			return fmt.Errorf("%q is not the name of a program", name)
		}
	}
	if len(tools) == 0 {
		return nil
	}
	v.Program, v.Bin, v.Tools = path.Join("/", viewDir, "toolbox"), ToolsDir, slices.Clone(tools)
	if len(v.Files) > 0 {
		v.Tools = slices.DeleteFunc(v.Tools, func(name string) bool {
			return slices.ContainsFunc(v.Files, func(f request.File) bool { return string(f.Name) == name })
		})
	}
	return nil
}

// withTools adds the view's programs to PATH, after all others.
func (v *View) withTools(env []string) []string {
	if v == nil || v.Bin == "" {
		return env
	}
	dirs, _ := lookup(env, "PATH")
	if slices.Contains(strings.Split(dirs, ":"), v.Bin) {
		return env
	}
	return dedup(append(env, "PATH="+strings.TrimPrefix(dirs+":"+v.Bin, ":")))
}

// binRows returns what is in Bin, as viewRows does.
func (v *View) binRows() (rows [][2]string) {
	if len(v.Files) > 0 {
		var names []string
		var total int64
		for _, f := range v.Files {
			names = append(names, QuoteArg(string(f.Name)))
			total += f.Size
		}
		rows = append(rows, [2]string{v.Bin, fmt.Sprintf("%d programs of %s, %d bytes: %s", len(names), v.FilesOf, total, strings.Join(names, " "))})
	}
	if len(v.Tools) > 0 {
		rows = append(rows, [2]string{v.Bin, fmt.Sprintf("%d links to %s", len(v.Tools), v.Program)})
	}
	return rows
}
