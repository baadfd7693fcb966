package engine

import (
	"strconv"
	"strings"

	"github.com/docker/docker/api/types/container"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// Configured returns the configuration of the container whose file system the command of r has; nil
// if that is not a container's.
func (a Answers) Configured(r *request.Request) *plan.Configured {
	source := r.Source(ns.Mnt)
	if source.Container == nil {
		return nil
	}
	c := &plan.Configured{}
	var h *container.HostConfig
	if answer := a[source.Name]; answer.ContainerJSONBase != nil {
		h = answer.HostConfig
	}
	for _, name := range containerCaps(h) {
		if name == AllCaps {
			c.Capabilities = ^plan.CapSet(0)
		}
		c.Capabilities |= plan.ParseCap(name)
	}
	if h == nil {
		return c
	}
	c.OOMScoreAdj = h.OomScoreAdj
	for _, option := range h.SecurityOpt {
		if allowed, is := newPrivileges(option); is {
			c.NoNewPrivileges = !allowed
		}
	}
	for _, u := range h.Ulimits {
		if resource, err := plan.ParseResource(u.Name); err == nil {
			c.Limits = append(c.Limits, plan.Limit{Resource: resource, Soft: uint64(u.Soft), Hard: uint64(u.Hard)}) // -1 means no limit; as a uint64 it is the highest
		}
	}
	return c
}

// newPrivileges parses an option of docker run --security-opt. is says whether it is
// no-new-privileges, and allowed whether its value allows new privileges.
func newPrivileges(option string) (allowed, is bool) {
	value, is := strings.CutPrefix(option, "no-new-privileges")
	if !is || value == "" {
		return false, is
	}
	never, err := strconv.ParseBool(strings.TrimLeft(value, "=:"))
	return err == nil && !never, true
}

// Overrides reports whether root in a container may open and enter every file, whatever its permissions are:
// CAP_DAC_OVERRIDE. h is the container's configuration, nil for docker run's default.
func Overrides(h *container.HostConfig) bool {
	caps := containerCaps(h)
	return has(caps, AllCaps) || has(caps, "CAP_DAC_OVERRIDE")
}
