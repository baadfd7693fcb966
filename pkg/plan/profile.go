package plan

import (
	"fmt"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// profileCaps has the capabilities that each profile adds to the container's.
var profileCaps = map[request.Profile]CapSet{
	request.ProfileTrace: capSysPtrace,
	request.ProfileNet:   capNetAdmin | capNetRaw,
}

// grant adds to a command's identity what a profile has beyond the container. A command that is not root keeps
// capabilities across the exec only as ambient ones, capabilities(7). has are the helper's own capabilities.
func (c *ContainerIdentity) grant(profile request.Profile, has CapSet) error {
	c.Profile = profile
	added := profileCaps[profile]
	if profile == request.ProfileAdmin {
		added = has
		c.Filters = nil
	}
	if lacking := added &^ has; lacking != 0 {
		return exit.Hint(fmt.Errorf("profile %s: docker nsjoin itself lacks %s", profile, lacking),
			"the engine or the caller cannot grant that; omit --profile, or run docker nsjoin as root on the engine's host")
	}
	caps := &c.Capabilities
	caps.Bounding |= added
	caps.Permitted |= added
	caps.Effective |= added
	if c.UID != 0 {
		caps.Inheritable |= added
		caps.Ambient |= added
	}
	return nil
}

// cleanEnvironment returns the environment of a command with more rights than the container. The container's own
// could make a program run what the container wants (LD_PRELOAD, ENV, a file in HOME).
func cleanEnvironment(terminal, overrides []string) []string {
	return dedup(override(append([]string{"HOME=/" + viewDir}, terminal...), overrides))
}
