//go:build linux

package observe

import (
	"fmt"

	"github.com/nsjoin/docker-nsjoin/pkg/inroot"
)

// Terms are those of some terminals' names of which there is a description beneath the root of
// process pid, or of the host for any other number. Where ncurses looks for one is terminfo(5): a directory
// is named by the first letter, or by its number where file systems take no notice of case.
func (o *Observation) Terms(pid int, names []string) []string {
	root, err := o.OpenRoot(pid)
	if err != nil {
		return nil // the command's terminal has a name all the same
	}
	defer root.Close()
	var known []string
	for _, name := range names {
		if describes(name, func(path string) bool {
			f, err := inroot.Look(root, path)
			if err == nil {
				f.Close()
			}
			return err == nil
		}) {
			known = append(known, name)
		}
	}
	return known
}

// describes tells whether there is a description of a terminal.
func describes(name string, there func(path string) bool) bool {
	for _, dir := range []string{"etc", "lib", "usr/share", "usr/lib"} {
		dir += "/terminfo/"
		if there(dir) && (there(dir+name[:1]+"/"+name) || there(fmt.Sprintf("%s%x/%s", dir, name[0], name))) {
			return true
		}
	}
	return false
}
