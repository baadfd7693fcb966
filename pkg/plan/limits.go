package plan

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Resource is the number of a resource limit, RLIMIT_… of getrlimit(2). The numbers are
// those of asm-generic/resource.h, which hold on every architecture that the helper is built for.
type Resource int

var resourceNames = []string{
	"cpu", "fsize", "data", "stack", "core", "rss", "nproc", "nofile",
	"memlock", "as", "locks", "sigpending", "msgqueue", "nice", "rtprio", "rttime",
}

// Resources lists all resources.
func Resources() []Resource {
	all := make([]Resource, len(resourceNames))
	for i := range all {
		all[i] = Resource(i)
	}
	return all
}

// ParseResource parses RLIMIT_NOFILE or nofile.
func ParseResource(name string) (Resource, error) {
	i := indexOf(resourceNames, name, "rlimit_")
	if i < 0 {
		return 0, fmt.Errorf("unknown resource limit %q", name)
	}
	return Resource(i), nil
}

// String returns the resource's name without RLIMIT_, in lower case.
func (r Resource) String() string { return resourceNames[r] }

// MarshalText writes the name.
func (r Resource) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText parses the output of MarshalText.
func (r *Resource) UnmarshalText(text []byte) (err error) {
	*r, err = ParseResource(string(text))
	return err
}

// Unlimited is RLIM_INFINITY.
const Unlimited = ^uint64(0)

// Limit is the soft and hard limit of one resource, in the resource's own unit.
type Limit struct {
	Resource Resource `json:"resource"`
	Soft     uint64   `json:"soft"`
	Hard     uint64   `json:"hard"`
}

// String formats l as nofile=1024:4096, like docker run --ulimit.
func (l Limit) String() string {
	return fmt.Sprintf("%s=%s:%s", l.Resource, bound(l.Soft), bound(l.Hard))
}

func bound(value uint64) string {
	if value == Unlimited {
		return "unlimited"
	}
	return strconv.FormatUint(value, 10)
}

// MergeLimits returns the inherited limits, overridden by the given ones.
func MergeLimits(inherited, given []Limit) []Limit {
	merged := slices.Clone(inherited)
	for _, l := range given {
		if i := slices.IndexFunc(merged, func(m Limit) bool { return m.Resource == l.Resource }); i >= 0 {
			merged[i] = l
		} else {
			merged = append(merged, l)
		}
	}
	return merged
}

// ParseLimits parses /proc/PID/limits: a heading, then one line for each resource in
// the order of their numbers: a name of 26 columns, the soft limit, the hard limit.
func ParseLimits(text string) ([]Limit, error) {
	const nameWidth = 26
	_, text, _ = strings.Cut(text, "\n")
	lines := strings.Split(strings.TrimSpace(text), "\n")
	var list []Limit
	for i, r := range Resources() {
		if i >= len(lines) || len(lines[i]) < nameWidth {
			return nil, fmt.Errorf("no limit of %s is listed", r)
		}
		words := strings.Fields(lines[i][nameWidth:])
		if len(words) < 2 {
			return nil, fmt.Errorf("no limit of %s is listed", r)
		}
		soft, err := parseLimit(words[0])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r, err)
		}
		hard, err := parseLimit(words[1])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r, err)
		}
		list = append(list, Limit{Resource: r, Soft: soft, Hard: hard})
	}
	return list, nil
}

func parseLimit(word string) (uint64, error) {
	if word == "unlimited" {
		return Unlimited, nil
	}
	return strconv.ParseUint(word, 10, 64)
}

// Below names the resources whose hard limit in own is lower than in wanted. Raising a hard
// limit requires CAP_SYS_RESOURCE.
func Below(own, wanted []Limit) []string {
	var names []string
	for _, w := range wanted {
		if slices.ContainsFunc(own, func(l Limit) bool { return l.Resource == w.Resource && l.Hard < w.Hard }) {
			names = append(names, w.Resource.String())
		}
	}
	return names
}
