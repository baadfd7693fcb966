package request

import (
	"fmt"
	"strconv"
	"strings"
)

// From is the type of a Source.
type From string

// The values of From.
const (
	FromHost      From = "host"      // the host's: nothing is joined
	FromContainer From = "container" // a container's first process
	FromPID       From = "pid"       // a process, by its pid
	FromPath      From = "ns"        // a namespace file, such as /run/netns/blue
	FromNew       From = "private"   // a new namespace
)

// Source is where namespaces come from.
type Source struct {
	From From `json:"from"`
	// Name is the container's name or ID as the user wrote it.
	Name string `json:"name,omitempty"`
	// PID is the process whose namespaces are taken, in the pid namespace of the launcher.
	// For a container it comes from the engine and may be outdated: the helper verifies it with
	// Container.ID.
	PID int `json:"pid,omitempty"`
	// Path is the namespace file, on the engine's host.
	Path Word `json:"path,omitempty"`
	// Container is what the engine says about a container; nil until the engine was asked.
	Container *Container `json:"container,omitempty"`
}

// Container is what the engine says about a container, as far as a command in it depends on it.
type Container struct {
	ID   string `json:"id"`             // 64 hexadecimal digits
	Name string `json:"name,omitempty"` // canonical name, whatever the user typed

	CgroupParent string `json:"cgroupParent,omitempty"` // HostConfig.CgroupParent: of docker run --cgroup-parent

	// These are set only for the container that the command's identity is taken from, with the mount namespace.

	Env      []string `json:"env"`                // Config.Env: of the image and of docker run -e
	User     string   `json:"user,omitempty"`     // Config.User: of the image or of docker run -u
	GroupAdd []string `json:"groupAdd,omitempty"` // HostConfig.GroupAdd
}

// WithoutIdentity returns c for a request that takes only namespaces from it. The process that a tracer in another
// container may stop before its exec has the request in its memory. c may be nil.
func (c *Container) WithoutIdentity() *Container {
	if c == nil {
		return nil
	}
	return &Container{ID: c.ID, Name: c.Name, CgroupParent: c.CgroupParent}
}

// Host returns the source of the host's namespaces.
func Host() Source { return Source{From: FromHost} }

// ParseBase parses the first argument of the command line: NAME, host, pid:N or
// container:NAME.
func ParseBase(arg string) (Source, error) {
	if arg == "" {
		return Source{}, fmt.Errorf("the container's name is empty")
	}
	if arg == "host" || strings.HasPrefix(arg, "pid:") || strings.HasPrefix(arg, "container:") {
		return ParseSource(arg)
	}
	return Source{From: FromContainer, Name: arg}, nil
}

// Sources lists the values of a flag such as --net, for messages.
const Sources = "container:NAME|host|pid:N|ns:PATH|private"

// ParseSource parses the value of a flag such as --net. Its error names the value and the allowed ones.
func ParseSource(value string) (Source, error) {
	word, rest, _ := strings.Cut(value, ":")
	switch {
	case value == "host":
		return Host(), nil
	case word == "container" && rest != "":
		return Source{From: FromContainer, Name: rest}, nil
	case value == "private":
		return Source{From: FromNew}, nil
	case word == "ns" && strings.HasPrefix(rest, "/"):
		return Source{From: FromPath, Path: Word(rest)}, nil
	case word == "ns":
		return Source{}, fmt.Errorf("%q: PATH in ns:PATH must be absolute", value)
	case word == "pid":
		pid, err := strconv.ParseInt(rest, 10, 32)
		if err != nil || pid <= 0 {
			return Source{}, fmt.Errorf("%q: N in pid:N must be the number of a process", value)
		}
		return Source{From: FromPID, PID: int(pid)}, nil
	}
	return Source{}, fmt.Errorf("unknown source %q: must be one of %s", value, Sources)
}

// String names the source as in the command line: web, pid:42 or host.
func (s Source) String() string {
	switch s.From {
	case FromContainer:
		return s.Name
	case FromPID:
		return "pid:" + strconv.Itoa(s.PID)
	case FromPath:
		return "ns:" + string(s.Path)
	case FromNew:
		return "private"
	case FromHost:
	}
	return "host"
}

// Quoted names the source in a sentence: "web" in quotes, pid:42 or the host.
func (s Source) Quoted() string {
	switch s.From {
	case FromContainer:
		return strconv.Quote(s.Name)
	case FromPID, FromPath, FromNew:
		return s.String()
	case FromHost:
	}
	return "the host"
}
