//go:build linux

package observe

import (
	"fmt"

	"github.com/nsjoin/docker-nsjoin/pkg/inroot"
)

// KnownTerms returns those of the given terminal types that have a terminfo description in the root directory of
// process pid, or of the host if pid is not in Processes. The directories are those that ncurses searches,
// terminfo(5). A subdirectory is named after the first letter of the type, or after the letter's code on
// case-insensitive file systems.
func (o *Observation) KnownTerms(pid int, names []string) []string {
	var known []string
	if err := o.asked(func() (err error) {
		known, err = o.knownTerms(pid, names)
		return err
	}); err != nil {
		return nil // the plan has a default for TERM
	}
	return known
}

func (o *Observation) knownTerms(pid int, names []string) (known []string, err error) {
	root, err := o.OpenRoot(pid)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	for _, name := range names {
		if hasDescription(name, func(path string) bool {
			f, err := inroot.OpenPath(root, path)
			if err == nil {
				f.Close()
			}
			return err == nil
		}) {
			known = append(known, name)
		}
	}
	return known, nil
}

// hasDescription reports whether one of the directories describes a terminal type.
func hasDescription(name string, there func(path string) bool) bool {
	for _, dir := range []string{"etc", "lib", "usr/share", "usr/lib"} {
		dir += "/terminfo/"
		if there(dir) && (there(dir+name[:1]+"/"+name) || there(fmt.Sprintf("%s%x/%s", dir, name[0], name))) {
			return true
		}
	}
	return false
}
