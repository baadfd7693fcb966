package plan_test

import (
	"io/fs"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
	"github.com/nsjoin/docker-nsjoin/pkg/seccomp"
)

// Only on Linux are there tables of system calls, without which no profile is compiled.
func TestNewRefusesAgent(t *testing.T) {
	refuses(t, func(_ *request.Request, o *plan.Observed) {
		o.TargetProcess.FiltersErr, o.TargetProcess.FiltersDenied = fs.ErrPermission, true
		o.TargetProcess.Profile = &seccomp.Profile{DefaultAction: "SCMP_ACT_NOTIFY"}
	}, "identity of \"web\": its seccomp profile passes system calls to an agent (SCMP_ACT_NOTIFY), which docker nsjoin does not support\n"+
		"hint: use docker exec, or run a program of the host in its network: --only net\n", exit.Failed)
}
