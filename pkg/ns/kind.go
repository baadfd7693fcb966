// Package ns names the kinds of Linux namespaces, with their CLONE_NEW… flags and their names in
// /proc and on the command line. It does no I/O.
package ns

import (
	"fmt"
	"slices"
	"strings"
)

// Kind is one of the eight kinds of namespaces(7), in the order of /proc/PID/ns.
type Kind uint8

// The kinds, named as their links in /proc/PID/ns are.
const (
	Cgroup Kind = iota
	IPC
	Mnt
	Net
	PID
	Time
	User
	UTS
	kinds // the number of kinds
)

// table has one row for each kind; it drives parsing, opening and joining. The flags are
// those of clone(2) from include/uapi/linux/sched.h, the same on every architecture.
var table = [kinds]struct {
	name  string
	flag  uint32
	other []string // other accepted names
}{
	Cgroup: {"cgroup", 0x02000000, []string{"cgroupns"}},
	IPC:    {"ipc", 0x08000000, nil},
	Mnt:    {"mnt", 0x00020000, []string{"mount"}},
	Net:    {"net", 0x40000000, []string{"network"}},
	PID:    {"pid", 0x20000000, []string{"process"}},
	Time:   {"time", 0x00000080, nil},
	User:   {"user", 0x10000000, []string{"userns"}},
	UTS:    {"uts", 0x04000000, nil},
}

// Kinds returns every kind, in the order of /proc/PID/ns.
func Kinds() []Kind { return All().Kinds() }

// String returns the kind's name in /proc/PID/ns, such as "net".
func (k Kind) String() string {
	if k >= kinds {
		return fmt.Sprintf("kind(%d)", uint8(k))
	}
	return table[k].name
}

// Flag returns the kind's CLONE_NEW… flag.
func (k Kind) Flag() uint32 { return table[k].flag }

// Copied reports whether a new namespace of kind k begins as a copy of its creator's: mounts, host
// name, clock offsets. The others begin empty.
func Copied(k Kind) bool { return SetOf(Mnt, UTS, Time).Has(k) }

// MarshalText encodes k as its name.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText parses any name that Parse accepts.
func (k *Kind) UnmarshalText(text []byte) error {
	parsed, err := Parse(string(text))
	if err != nil {
		return err
	}
	*k = parsed
	return nil
}

// Parse parses a name of a kind, such as "net" or "network". Its error lists the kinds.
func Parse(name string) (Kind, error) {
	for k, row := range table {
		if name == row.name || slices.Contains(row.other, name) {
			return Kind(k), nil
		}
	}
	return 0, fmt.Errorf("unknown kind of namespace %q: must be one of %s", name, All())
}

// Set is a set of kinds.
type Set uint8

// All returns the set of all kinds.
func All() Set { return 1<<kinds - 1 }

// SetOf returns the set of the given kinds.
func SetOf(members ...Kind) Set {
	var s Set
	for _, k := range members {
		s |= 1 << k
	}
	return s
}

// ParseSet parses a comma-separated list of kinds. An empty list is an error: a flag that is
// given must have a value.
func ParseSet(list string) (Set, error) {
	var s Set
	for name := range strings.SplitSeq(list, ",") {
		k, err := Parse(strings.TrimSpace(name))
		if err != nil {
			return 0, err
		}
		s |= SetOf(k)
	}
	return s, nil
}

// Has reports whether k is in s.
func (s Set) Has(k Kind) bool { return s&SetOf(k) != 0 }

// Without returns s without the members of t.
func (s Set) Without(t Set) Set { return s &^ t }

// Kinds lists the members, in the order of /proc/PID/ns.
func (s Set) Kinds() []Kind {
	var members []Kind
	for k := range kinds {
		if s.Has(k) {
			members = append(members, k)
		}
	}
	return members
}

// Flags returns the members' CLONE_NEW… flags combined, for setns(2) on a pidfd.
func (s Set) Flags() uint32 {
	var flags uint32
	for _, k := range s.Kinds() {
		flags |= k.Flag()
	}
	return flags
}

// String lists the members separated by commas, as ParseSet accepts them.
func (s Set) String() string {
	var names []string
	for _, k := range s.Kinds() {
		names = append(names, k.String())
	}
	return strings.Join(names, ",")
}

// MarshalText encodes s as String does; the empty set is "".
func (s Set) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText parses the output of MarshalText.
func (s *Set) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*s = 0
		return nil
	}
	parsed, err := ParseSet(string(text))
	if err != nil {
		return err
	}
	*s = parsed
	return nil
}

// ID identifies a namespace: the device and inode of its file /proc/PID/ns/KIND, as in
// stat(2). It is valid while a process or an open descriptor keeps the namespace alive;
// afterwards the kernel may reuse the number.
type ID struct {
	Dev uint64 `json:"dev"`
	Ino uint64 `json:"ino"`
}

// Link returns the target of the namespace's link in /proc/PID/ns, such as "net:[4026531833]".
func (id ID) Link(k Kind) string { return fmt.Sprintf("%s:[%d]", k, id.Ino) }
