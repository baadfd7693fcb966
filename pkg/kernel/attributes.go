//go:build linux

package kernel

import (
	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// ReadPermanentAttributes reads the attributes that this process can't undo, which takes less than a
// microsecond. Filters is 1 if there are any. An attribute that the kernel doesn't know is not set.
func ReadPermanentAttributes() plan.PermanentAttributes {
	get := func(option int, args ...uintptr) int {
		var four [4]uintptr
		copy(four[:], args)
		value, err := unix.PrctlRetInt(option, four[0], four[1], four[2], four[3])
		if err != nil {
			return 0
		}
		return value
	}
	l := plan.PermanentAttributes{
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

// locked returns the locked securebits together with their lock bits. The lock of a bit is the next bit.
func locked(bits uint32) uint32 {
	const locks = 0xaa
	kept := bits & locks
	return kept | bits&(kept>>1)
}

// ReadCapabilities returns own, the capabilities that this process has and can pass on, and known, those
// that the kernel knows. Bit N is capability number N.
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
