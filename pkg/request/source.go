package request

import (
	"fmt"
	"strconv"
	"strings"
)

// From says what kind of thing gives a namespace.
type From string

// What can give a namespace.
const (
	FromHost      From = "host"      // the caller's own: nothing is joined
	FromContainer From = "container" // a container's first process
	FromPID       From = "pid"       // a process by its number
)

// Source is where namespaces come from.
type Source struct {
	From From `json:"from"`
	// Name is the container as the user named it; "" for the others.
	Name string `json:"name,omitempty"`
	// PID is the process that gives the namespaces, numbered as in the
	// launcher's pid namespace. A container's is the engine's word, which may
	// be out of date: it is a claim to be proved, with Container.ID.
	PID int `json:"pid,omitempty"`
	// Container is what the engine said of a container; nil for the others
	// and before it was asked.
	Container *Container `json:"container,omitempty"`
}

// Container is what the engine said of a container, as far as a command in it
// can tell.
type Container struct {
	ID       string   `json:"id"`                 // 64 hexadecimal digits
	Env      []string `json:"env"`                // Config.Env: of the image and of docker run -e
	User     string   `json:"user,omitempty"`     // Config.User: of the image or of docker run -u
	GroupAdd []string `json:"groupAdd,omitempty"` // HostConfig.GroupAdd
}

// Host is the caller's own namespaces.
func Host() Source { return Source{From: FromHost} }

// ParseBase reads the first argument of the command line: NAME, host, pid:N or
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

// ParseSource reads the value of a flag such as --net: container:NAME, host or
// pid:N. Its error names the value and what it could have been.
func ParseSource(value string) (Source, error) {
	word, rest, _ := strings.Cut(value, ":")
	switch {
	case value == "host":
		return Host(), nil
	case word == "container" && rest != "":
		return Source{From: FromContainer, Name: rest}, nil
	case word == "pid":
		pid, err := strconv.ParseInt(rest, 10, 32)
		if err != nil || pid <= 0 {
			return Source{}, fmt.Errorf("%q is not pid:N with N the number of a process", value)
		}
		return Source{From: FromPID, PID: int(pid)}, nil
	}
	return Source{}, fmt.Errorf("unknown source %q: container:NAME, host or pid:N", value)
}

// String names the source as a message does: web, pid:42 or host.
func (s Source) String() string {
	switch s.From {
	case FromContainer:
		return s.Name
	case FromPID:
		return "pid:" + strconv.Itoa(s.PID)
	case FromHost:
	}
	return "host"
}

// Quoted names the source inside a sentence: "web" in quotes, pid:42, the host.
func (s Source) Quoted() string {
	switch s.From {
	case FromContainer:
		return strconv.Quote(s.Name)
	case FromPID:
		return s.String()
	case FromHost:
	}
	return "the host"
}
