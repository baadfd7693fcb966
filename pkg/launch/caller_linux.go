package launch

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/kernel"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
)

// callerConflict finds Facts.CallerConflict. pid is the container's first process. It reads files only if the
// caller lacks capabilities.
func callerConflict(pid int, c *plan.Configured) string {
	l := kernel.ReadPermanentAttributes()
	if l.Securebits != 0 && hasOwnUserNS(pid) {
		l.Securebits = 0 // joining a user namespace resets them, user_namespaces(7)
	}
	if why := l.Conflict(c); why != "" {
		return why
	}
	own, known, err := kernel.ReadCapabilities()
	if err != nil {
		return ""
	}
	lacks := plan.CapSet(known &^ own)
	if lacks == 0 {
		return ""
	}
	st, err := procfs.ReadStat(pid)
	if err != nil {
		return ""
	}
	shim, err := procfs.Open(st.Parent)
	if err != nil {
		return ""
	}
	defer shim.Close()
	status, _ := procfs.ReadStatus(shim)
	bounding, _ := status.Number("CapBnd", 16) // of all that the shim starts
	if missing := c.Capabilities & lacks & plan.CapSet(bounding); missing != 0 && !hasOwnUserNS(pid) {
		return missing.LackingMessage()
	}
	if lacks&(1<<unix.CAP_SYS_RESOURCE) != 0 {
		if why := limitConflict(shim, c); why != "" {
			return why
		}
	}
	if lacks&(1<<unix.CAP_SYS_NICE) != 0 && hasLowerPriority(st.Parent) {
		return "the caller's scheduling cannot be undone without CAP_SYS_NICE"
	}
	return ""
}

// hasOwnUserNS reports whether a process is in another user namespace than this one. Joining it gives
// all capabilities there.
func hasOwnUserNS(pid int) bool {
	own, err := os.Readlink("/proc/self/ns/user")
	if err != nil {
		return false
	}
	theirs, err := os.Readlink("/proc/" + strconv.Itoa(pid) + "/ns/user")
	return err == nil && own != theirs
}

// limitConflict names the caller's resource limits that are lower than the command's, and an
// oom_score_adj that is higher. Limits that the container has no value for come from the shim.
func limitConflict(shim *os.File, c *plan.Configured) string {
	self, err := procfs.OpenDir("/proc/self")
	if err != nil {
		return ""
	}
	defer self.Close()
	own, err := limits(self)
	if err != nil {
		return ""
	}
	theirs, err := limits(shim)
	if err != nil {
		return ""
	}
	if below := plan.Below(own, plan.MergeLimits(theirs, c.Limits)); len(below) > 0 {
		return fmt.Sprintf("the caller's hard limit of %s cannot be raised without CAP_SYS_RESOURCE", strings.Join(below, " and "))
	}
	text, err := procfs.ReadFile(self, "oom_score_adj")
	if err != nil {
		return ""
	}
	if score, err := strconv.Atoi(strings.TrimSpace(text)); err == nil && score > c.OOMScoreAdj {
		return "the caller's oom_score_adj cannot be lowered without CAP_SYS_RESOURCE"
	}
	return ""
}

func limits(dir *os.File) ([]plan.Limit, error) {
	text, err := procfs.ReadFile(dir, "limits")
	if err != nil {
		return nil, err
	}
	return plan.ParseLimits(text)
}

// hasLowerPriority reports whether this process has a lower scheduling priority than the shim.
func hasLowerPriority(shim int) bool {
	own, err := unix.SchedGetAttr(0, 0)
	if err != nil {
		return false
	}
	theirs, err := unix.SchedGetAttr(shim, 0)
	return err == nil && (own.Nice > theirs.Nice || own.Policy == unix.SCHED_IDLE && theirs.Policy != unix.SCHED_IDLE ||
		theirs.Policy == unix.SCHED_FIFO || theirs.Policy == unix.SCHED_RR)
}
