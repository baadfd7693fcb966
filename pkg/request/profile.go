package request

import "errors"

// Profile says what a command has beyond the container's own rights, the value of debug's --profile.
type Profile string

// The values of Profile. The zero value is that of a command without profiles: it has what docker exec's has.
const (
	ProfileNone      Profile = ""
	ProfileContainer Profile = "container" // nothing more
	ProfileTrace     Profile = "trace"     // CAP_SYS_PTRACE
	ProfileNet       Profile = "net"       // CAP_NET_ADMIN and CAP_NET_RAW
	ProfileAdmin     Profile = "admin"     // all capabilities, and no seccomp filter
)

// ParseProfile parses the value of --profile.
func ParseProfile(value string) (Profile, error) {
	switch p := Profile(value); p {
	case ProfileContainer, ProfileTrace, ProfileNet, ProfileAdmin:
		return p, nil
	case ProfileNone:
	}
	return "", errors.New("must be container, trace, net or admin")
}

// Adds reports whether the profile grants anything. Then nothing that belongs to the container may decide what the
// command does.
func (p Profile) Adds() bool { return p != ProfileNone && p != ProfileContainer }

// Describe says what the profile adds.
func (p Profile) Describe() string {
	return map[Profile]string{
		ProfileTrace: "trace: SYS_PTRACE is added",
		ProfileNet:   "net: NET_ADMIN and NET_RAW are added",
		ProfileAdmin: "admin: all capabilities, and no seccomp filter",
	}[p]
}
