//go:build linux

package join

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// Constants that package unix lacks.
const (
	setRequestKeyring     = 14 // KEYCTL_SET_REQKEY_KEYRING
	defaultRequestKeyring = 0  // KEY_REQKEY_DEFL_DEFAULT
	defaultMemoryPolicy   = 0  // MPOL_DEFAULT
	speculationL1DFlush   = 2  // PR_SPEC_L1D_FLUSH
)

// undo resets what a process inherits from the caller and no other step sets. The calls that may fail set
// the kernel's default, since the container's value can't be read. They fail on a kernel that lacks the
// attribute, or without CAP_SYS_RESOURCE; but then the attribute can't have been changed either.
func (c *compiler) undo(plan.Step) error {
	identity := c.identity
	prctl := func(do action, args ...uintptr) { c.add(do, unix.SYS_PRCTL, args...) }
	if identity.Undo.Securebits {
		prctl(call, unix.PR_SET_SECUREBITS, 0)
	}
	if identity.Undo.StoreBypass {
		prctl(call, unix.PR_SET_SPECULATION_CTRL, unix.PR_SPEC_STORE_BYPASS, uintptr(identity.StoreBypass))
	}
	if identity.Undo.IndirectBranch {
		prctl(call, unix.PR_SET_SPECULATION_CTRL, unix.PR_SPEC_INDIRECT_BRANCH, uintptr(identity.IndirectBranch))
	}
	smallPages := uintptr(0)
	if identity.SmallPages {
		smallPages = 1
	}
	prctl(try, unix.PR_SET_THP_DISABLE, smallPages)
	prctl(try, unix.PR_SET_SPECULATION_CTRL, speculationL1DFlush, unix.PR_SPEC_DISABLE)
	prctl(try, unix.PR_MCE_KILL, unix.PR_MCE_KILL_CLEAR)
	prctl(try, unix.PR_SET_IO_FLUSHER, 0)
	prctl(try, unix.PR_SET_MEMORY_MERGE, 0)
	c.add(try, unix.SYS_SET_MEMPOLICY, defaultMemoryPolicy)
	c.add(try, unix.SYS_KEYCTL, setRequestKeyring, defaultRequestKeyring)
	c.ports()
	if identity.Undo.CoreFilter {
		return c.writeProc("self/coredump_filter", fmt.Sprintf("%#x", identity.CoreFilter))
	}
	return nil
}
