package plan

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// CapSet is a set of capabilities(7): bit N is capability number N.
type CapSet uint64

// CapSysAdmin is the bit of CAP_SYS_ADMIN.
const CapSysAdmin CapSet = 1 << 21

// capNames has the names in the order of linux/capability.h.
var capNames = []string{
	"chown", "dac_override", "dac_read_search", "fowner", "fsetid", "kill",
	"setgid", "setuid", "setpcap", "linux_immutable", "net_bind_service",
	"net_broadcast", "net_admin", "net_raw", "ipc_lock", "ipc_owner",
	"sys_module", "sys_rawio", "sys_chroot", "sys_ptrace", "sys_pacct",
	"sys_admin", "sys_boot", "sys_nice", "sys_resource", "sys_time",
	"sys_tty_config", "mknod", "lease", "audit_write", "audit_control",
	"setfcap", "mac_override", "mac_admin", "syslog", "wake_alarm",
	"block_suspend", "audit_read", "perfmon", "bpf", "checkpoint_restore",
}

// ParseCap parses a capability's name, such as CAP_CHOWN or chown. The result for an unknown
// name is the empty set: runc ignores unknown capabilities too.
func ParseCap(name string) CapSet {
	if i := indexOf(capNames, name, "cap_"); i >= 0 {
		return 1 << i
	}
	return 0
}

// indexOf returns the index of name in list, or -1. It ignores case and an optional prefix of name.
func indexOf(list []string, name, prefix string) int {
	if len(name) > len(prefix) && strings.EqualFold(name[:len(prefix)], prefix) {
		name = name[len(prefix):]
	}
	return slices.IndexFunc(list, func(known string) bool { return strings.EqualFold(known, name) })
}

// Names lists the capabilities in lower case, without CAP_.
func (c CapSet) Names() []string {
	names := []string{}
	for bit := range 64 {
		switch {
		case c&(1<<bit) == 0:
		case bit < len(capNames):
			names = append(names, capNames[bit])
		default:
			names = append(names, fmt.Sprintf("%d", bit))
		}
	}
	return names
}

// String lists the names, separated by commas.
func (c CapSet) String() string { return strings.Join(c.Names(), ",") }

// MarshalText writes the names as String does.
func (c CapSet) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText parses the output of MarshalText.
func (c *CapSet) UnmarshalText(text []byte) error {
	*c = 0
	for name := range strings.SplitSeq(string(text), ",") {
		if bit, err := strconv.ParseUint(name, 10, 6); err == nil {
			*c |= 1 << bit
		} else {
			*c |= ParseCap(name)
		}
	}
	return nil
}

// Capabilities are the five capability sets of a process, capabilities(7).
type Capabilities struct {
	Bounding    CapSet `json:"bounding"`
	Permitted   CapSet `json:"permitted"`
	Effective   CapSet `json:"effective"`
	Inheritable CapSet `json:"inheritable"`
	Ambient     CapSet `json:"ambient"`
}

// all returns the union of the sets.
func (c Capabilities) all() CapSet {
	return c.Bounding | c.Permitted | c.Effective | c.Inheritable | c.Ambient
}
