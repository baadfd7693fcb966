package forward

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/forward/spec"
)

// linux is the GOOS of the only system that has abstract UNIX sockets and knows the users of connections.
const linux = "linux"

// path returns the path of a forward on this machine, "" if it has none here.
func path(f *spec.Forward) *string {
	if f.Reverse {
		return &f.Target.Path
	}
	return &f.Listen.Path
}

// absolute makes the paths of sockets on this machine absolute, for other calls of the user.
func absolute(groups []spec.Group) error {
	for _, g := range groups {
		for i := range g.Forwards {
			here := path(&g.Forwards[i])
			if *here == "" || strings.HasPrefix(*here, "@") {
				continue
			}
			whole, err := filepath.Abs(*here) // on Windows, it has a drive then
			if err != nil {
				return fmt.Errorf("path %s: %w", *here, err)
			}
			if len(whole) > spec.LongestPath {
				return exit.Hint(fmt.Errorf("path %s: it has %d bytes, and that of a UNIX socket has at most %d", whole, len(whole), spec.LongestPath),
					"choose a shorter one, such as in the directory XDG_RUNTIME_DIR")
			}
			*here = whole
		}
	}
	return nil
}

// hasAbstract returns an error if this system does not have a socket that is to be used here.
func hasAbstract(system string, groups []spec.Group) error {
	for _, g := range groups {
		for i := range g.Forwards {
			if here := *path(&g.Forwards[i]); system != linux && strings.HasPrefix(here, "@") {
				return exit.Hint(fmt.Errorf("%s: only Linux has abstract UNIX sockets", here), "write a path on this machine: ./%s", here[1:])
			}
		}
	}
	return nil
}

// servesAll returns what to say if a forward on loopback addresses serves all users of this machine, because the system does
// not know the users of connections; "" if there is nothing to say.
func servesAll(system string, anyUser bool, groups []spec.Group) string {
	if system == linux || anyUser {
		return ""
	}
	for _, g := range groups {
		for _, f := range g.Forwards {
			if !f.Reverse && f.Listen.Network != spec.Unix {
				return "ports on loopback addresses serve all users of this machine: only Linux can tell them apart; --any-user says that this is meant, and a UNIX socket is yours alone"
			}
		}
	}
	return ""
}
