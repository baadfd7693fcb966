package plan

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Resource is the number of a resource limit, RLIMIT_… of getrlimit(2). The
// numbers are the kernel's generic ones, which every architecture that the
// helper is built for has.
type Resource int

var resourceNames = []string{
	"cpu", "fsize", "data", "stack", "core", "rss", "nproc", "nofile",
	"memlock", "as", "locks", "sigpending", "msgqueue", "nice", "rtprio", "rttime",
}

// Resources lists every resource.
func Resources() []Resource {
	all := make([]Resource, len(resourceNames))
	for i := range all {
		all[i] = Resource(i)
	}
	return all
}

// ParseResource reads RLIMIT_NOFILE or nofile.
func ParseResource(name string) (Resource, error) {
	i := indexOf(resourceNames, name, "rlimit_")
	if i < 0 {
		return 0, fmt.Errorf("unknown resource limit %q", name)
	}
	return Resource(i), nil
}

// String is the resource's name without RLIMIT_, in lower case.
func (r Resource) String() string { return resourceNames[r] }

// MarshalText writes the name.
func (r Resource) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads what MarshalText wrote.
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

// String is nofile=1024:4096.
func (l Limit) String() string {
	return fmt.Sprintf("%s=%s:%s", l.Resource, bound(l.Soft), bound(l.Hard))
}

func bound(value uint64) string {
	if value == Unlimited {
		return "unlimited"
	}
	return strconv.FormatUint(value, 10)
}

// MergeLimits is every limit of the inherited ones, with those given in their place.
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

// ParseLimits reads /proc/PID/limits: below a heading a line for each resource, in
// the order of their numbers; a name of 26 columns, the soft and the hard limit.
func ParseLimits(text string) ([]Limit, error) {
	const name = 26
	_, text, _ = strings.Cut(text, "\n")
	lines := strings.Split(strings.TrimSpace(text), "\n")
	var list []Limit
	for i, r := range Resources() {
		if i >= len(lines) || len(lines[i]) < name {
			return nil, fmt.Errorf("there is none of %s", r)
		}
		words := strings.Fields(lines[i][name:])
		if len(words) < 2 {
			return nil, fmt.Errorf("there is none of %s", r)
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

// Below names the resources of which own allows less than wanted; to raise a hard limit takes
// CAP_SYS_RESOURCE.
func Below(own, wanted []Limit) []string {
	var names []string
	for _, w := range wanted {
		if slices.ContainsFunc(own, func(l Limit) bool { return l.Resource == w.Resource && l.Hard < w.Hard }) {
			names = append(names, w.Resource.String())
		}
	}
	return names
}
