package request

import (
	"fmt"
	"strings"

	"github.com/nsjoin/docker-nsjoin/pkg/names"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
)

// Names says whose /etc/resolv.conf, /etc/hosts and /etc/hostname a command sees, in a copy of its mounts.
type Names struct {
	// Source is the container. The user has named it with --names, or else it is the one whose network a command
	// in the host's file system has.
	Source Source `json:"source"`
	Asked  bool   `json:"asked,omitempty"`
	// Files means that the files are the container's own, which its root can write. Otherwise they are made from
	// Made, which the plugin sets from the engine's answer.
	Files bool      `json:"files,omitempty"`
	Made  MadeNames `json:"made,omitzero"`
}

// MadeNames is what the engine says about a container, as far as it decides the three files.
type MadeNames struct {
	Resolv names.Resolv `json:"resolv"`
	// Hosts and Hostname are the files' texts. Hosts is "" for the file of the engine's host.
	Hosts    string `json:"hosts,omitempty"`
	Hostname string `json:"hostname,omitempty"`
	// Unknown says why a file cannot be made from the engine's answer, by its path.
	Unknown map[string]string `json:"unknown,omitempty"`
	// Notes say what was left out of the files.
	Notes []string `json:"notes,omitempty"`
}

// NameSources lists the values of --names, for messages.
const NameSources = "container:NAME|files:NAME|host"

// ParseNames parses the value of --names. It returns nil for host: nothing is changed. Its error names the value and
// the allowed ones.
func ParseNames(value string) (*Names, error) {
	word, name, _ := strings.Cut(value, ":")
	switch {
	case value == "host":
		return nil, nil //nolint:nilnil // the value for no change
	case (word == "container" || word == "files") && name != "":
		return &Names{Source: Source{From: FromContainer, Name: name}, Asked: true, Files: word == "files"}, nil
	}
	return nil, fmt.Errorf("unknown source of names %q: must be one of %s", value, NameSources)
}

// DefaultNames returns the names that a command gets if the user names none: in the host's file system those of the
// container whose network it has. With --mnt host the mounts stay as they are.
func (r *Request) DefaultNames() *Names {
	mnt, given := r.Overrides[ns.Mnt]
	if given && mnt.From != FromNew || r.Source(ns.Mnt).From != FromHost || r.Source(ns.Net).From != FromContainer {
		return nil
	}
	return &Names{Source: r.Source(ns.Net)}
}
