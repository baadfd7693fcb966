//go:build linux

package kernel

import "golang.org/x/sys/unix"

// Lasting is what this process can't undo, as package plan has it.
type Lasting struct {
	NoNewPrivileges   bool
	Securebits        uint32
	Filters           int
	NoWriteExecute    bool
	CoreCookie        bool
	StoreBypassOff    bool
	IndirectBranchOff bool
}

// ReadLasting asks the kernel, which costs less than a microsecond. Of filters it tells only whether
// there are any. An attribute that the kernel doesn't know is not there.
func ReadLasting() Lasting {
	get := func(option int, args ...uintptr) int {
		var four [4]uintptr
		copy(four[:], args)
		value, err := unix.PrctlRetInt(option, four[0], four[1], four[2], four[3])
		if err != nil {
			return 0
		}
		return value
	}
	l := Lasting{
		NoNewPrivileges:   get(unix.PR_GET_NO_NEW_PRIVS) == 1,
		Securebits:        locked(uint32(get(unix.PR_GET_SECUREBITS))),
		NoWriteExecute:    get(unix.PR_GET_MDWE) != 0,
		StoreBypassOff:    get(unix.PR_GET_SPECULATION_CTRL, unix.PR_SPEC_STORE_BYPASS)&unix.PR_SPEC_FORCE_DISABLE != 0,
		IndirectBranchOff: get(unix.PR_GET_SPECULATION_CTRL, unix.PR_SPEC_INDIRECT_BRANCH)&unix.PR_SPEC_FORCE_DISABLE != 0,
		CoreCookie:        cookie() != 0,
	}
	if get(unix.PR_GET_SECCOMP) != unix.SECCOMP_MODE_DISABLED {
		l.Filters = 1
	}
	return l
}

// locked are those of the securebits that can't be changed any more, with their locks: each
// has its lock in the bit after it.
func locked(bits uint32) uint32 {
	const locks = 0xaa
	kept := bits & locks
	return kept | bits&(kept>>1)
}

// ReadCapabilities reads the capabilities of this process: what it has and can give on, and what
// the kernel knows.
func ReadCapabilities() (own, known uint64, err error) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return 0, 0, err
	}
	permitted := uint64(data[1].Permitted)<<32 | uint64(data[0].Permitted)
	for n := range 64 {
		bounding, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, uintptr(n), 0, 0, 0)
		if err != nil {
			break // past the last one
		}
		known |= 1 << n
		own |= uint64(bounding) << n
	}
	return own & permitted, known, nil
}
