//go:build linux

package join

import (
	"errors"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// If the command is not found, the hint says what the user may have meant.
func TestHintOfACommandThatIsNotFound(t *testing.T) {
	p := &plan.Plan{
		Target: "web", Command: plan.Command{Args: []string{"-t"}, NotFoundHint: "options go before the container"},
		Identity: plan.Identity{Who: plan.Container, Container: &plan.ContainerIdentity{}},
		Steps:    []plan.Step{{Op: plan.OpFind}, {Op: plan.OpExec}},
	}
	for kind, errno := range map[uint32]unix.Errno{messageNoFile: unix.ENOENT, messageFailed: unix.EACCES} {
		known, _ := errors.AsType[*exit.Error]((&follower{plan: p}).failed(failure{kind, 0, errno}))
		if hinted := known.Hint == p.Command.NotFoundHint; hinted != (kind == messageNoFile) {
			t.Errorf("%v: the hint is %q", errno, known.Hint)
		}
	}
}

func TestMessageAndStatusOfAFailure(t *testing.T) {
	p := &plan.Plan{
		Target:  "web",
		Command: plan.Command{Args: []string{"ls", "-l"}},
		Identity: plan.Identity{Dir: "/work", Container: &plan.ContainerIdentity{
			AppArmor: "docker-default",
			UID:      33, GID: 34, Limits: make([]plan.Limit, 2),
		}},
		Steps: []plan.Step{
			{Op: plan.OpLabel},
			{Op: plan.OpLimits},
			{Op: plan.OpJoin, Kinds: ns.SetOf(ns.Net, ns.UTS), From: "db", PID: 7},
			{Op: plan.OpDir},
			{Op: plan.OpUser},
			{Op: plan.OpDirAgain},
			{Op: plan.OpInside},
			{Op: plan.OpSeccomp},
			{Op: plan.OpUnshare, Kinds: ns.SetOf(ns.Mnt)},
			{Op: plan.OpSlave},
			{Op: plan.OpProc},
			{Op: plan.OpDirLast},
			{Op: plan.OpFind},
			{Op: plan.OpExec},
		},
	}
	const exec, join, prepare = plan.OpExec, plan.OpJoin, plan.Op(0)
	for _, row := range []struct {
		op      plan.Op
		kind    uint32
		errno   unix.Errno
		status  int
		message string
		hint    bool
	}{
		{exec, messageFailed, unix.ENOENT, exit.NotFound, `"ls" in web: no such file or directory`, false},
		{exec, messageFailed, unix.ENOTDIR, exit.NotFound, `"ls" in web: not a directory`, false},
		{exec, messageFailed, unix.EACCES, exit.CannotRun, `"ls" in web: permission denied`, false},
		{exec, messageFailed, unix.EPERM, exit.CannotRun, `"ls" in web: operation not permitted`, false},
		{exec, messageFailed, unix.ENOEXEC, exit.CannotRun, `"ls" in web: exec format error`, false},
		{exec, messageFailed, unix.E2BIG, exit.CannotRun, `"ls" in web: argument list too long`, false},
		{plan.OpFind, messageFailed, unix.ENOENT, exit.NotFound, `"ls" in web: no such file or directory`, false},
		{plan.OpFind, messageFailed, unix.EISDIR, exit.CannotRun, `"ls" in web: is a directory`, false},
		{plan.OpFind, messageFailed, unix.EACCES, exit.CannotRun, `"ls" in web: permission denied`, false},
		{plan.OpFind, messageNoFile, unix.ENOENT, exit.NotFound, `"ls" in web: executable file not found in $PATH`, false},
		{plan.OpLabel, messageFailed, unix.EACCES, exit.Failed, `join "web": set label docker-default: permission denied`, false},
		{plan.OpLimits, messageFailed, unix.EPERM, exit.Failed, `set resource limits of "web": operation not permitted`, true},
		{plan.OpLimits, messageFailed, unix.EINVAL, exit.Failed, `set resource limits of "web": invalid argument`, false},
		{plan.OpDir, messageFailed, unix.ENOENT, exit.NotFound, "change to directory /work in web: no such file or directory", false},
		{plan.OpDir, messageFailed, unix.ENOTDIR, exit.NotFound, "change to directory /work in web: not a directory", false},
		{plan.OpDir, messageFailed, unix.ELOOP, exit.CannotRun, "change to directory /work in web: too many levels of symbolic links", false},
		{plan.OpDirAgain, messageFailed, unix.EACCES, exit.CannotRun, "change to directory /work in web: permission denied", false},
		{plan.OpDirAgain, messageFailed, unix.ENOENT, exit.NotFound, "change to directory /work in web: no such file or directory", false},
		{plan.OpInside, messageOutside, unix.ENOENT, exit.Failed, `the working directory is outside the root directory of "web"`, true},
		{plan.OpInside, messageFailed, unix.ENOENT, exit.NotFound, "working directory /work in web: the directory, or the source of the mount there, was removed: no such file or directory", true},
		{plan.OpDirLast, messageFailed, unix.ENOENT, exit.NotFound, "change to directory /work in web: no such file or directory", false},
		{plan.OpDirLast, messageOutside, unix.ENOENT, exit.Failed, `the working directory is outside the root directory of "web"`, true},
		{join, messageFailed, unix.EPERM, exit.Failed, "join net uts of db (pid 7): operation not permitted", true},
		{join, messageFailed, unix.EINVAL, exit.Failed, `join "web": join net uts of db (pid 7): invalid argument`, false},
		{plan.OpUser, messageFailed, unix.EINVAL, exit.Failed, `join "web": become uid 33, gid 34: invalid argument`, false},
		{plan.OpSeccomp, messageFailed, unix.EACCES, exit.Failed, `join "web": load the seccomp filter: permission denied`, false},
		{plan.OpUnshare, messageFailed, unix.ENOSPC, exit.Failed, `join "web": make new mnt: no space left on device`, true},
		{plan.OpProc, messageFailed, unix.EPERM, exit.Failed, `join "web": mount a /proc of the command's pid namespace: operation not permitted`, true},
		{prepare, messageFailed, unix.EBADF, exit.Failed, `join "web": prepare the process: bad file descriptor`, false},
	} {
		step := slices.IndexFunc(p.Steps, func(s plan.Step) bool { return s.Op == row.op }) // -1 to prepare
		f := &follower{plan: p}
		err := f.failed(failure{row.kind, int32(step), row.errno})
		if err == nil || err.Error() != row.message {
			t.Errorf("%s, %v: %v\nwant %s", row.op, row.errno, err, row.message)
			continue
		}
		if got := exit.Status(err); got != row.status {
			t.Errorf("%s, %v: status %d, want %d", row.op, row.errno, got, row.status)
		}
		known, ok := errors.AsType[*exit.Error](err)
		if got := ok && known.Hint != ""; got != row.hint {
			t.Errorf("%s, %v: a hint is given: %t, want %t", row.op, row.errno, got, row.hint)
		}
		if row.kind == messageFailed && !errors.Is(err, row.errno) {
			t.Errorf("%s: %v is lost", row.op, row.errno)
		}
	}
}

// The message says where the command or directory was looked for, the hint what is there.
func TestMessageOfWhatIsNotFoundSaysWhere(t *testing.T) {
	const others = "--except mnt runs the host's own programs, such as ps, lsof, strace and gdb, on the container's processes"
	for _, row := range []struct {
		who           plan.Who
		mounts        string
		op            plan.Op
		errno         unix.Errno
		message, hint string
	}{
		{plan.Container, "web", plan.OpExec, unix.ENOENT, `"ls" in web: no such file or directory`, others},
		{plan.Container, "db", plan.OpExec, unix.ENOENT, `"ls" in db: no such file or directory`, others},
		{plan.Container, "web", plan.OpExec, unix.EACCES, `"ls" in web: permission denied`, ""},
		{plan.Container, "db", plan.OpDir, unix.ENOENT, "change to directory /work in db: no such file or directory", "-w / runs the command in the root directory"},
		{plan.Container, "web", plan.OpDir, unix.EACCES, "change to directory /work in web: permission denied", ""},
		{plan.Caller, "host", plan.OpExec, unix.ENOENT, `"ls" on the host: no such file or directory`, ""},
		{plan.Caller, "host", plan.OpDir, unix.ENOENT, "change to directory /work on the host: no such file or directory", ""},
		{plan.HostRoot, "host", plan.OpExec, unix.ENOENT, `"ls" on the engine's host: no such file or directory`, ""},
		{plan.HostRoot, "host", plan.OpExec, unix.EACCES, `"ls" on the engine's host: permission denied`, ""},
	} {
		f := &follower{plan: &plan.Plan{
			Target: "web", Command: plan.Command{Args: []string{"ls"}},
			Namespaces: []plan.Namespace{{Kind: ns.Mnt, Source: row.mounts}},
			Identity:   plan.Identity{Who: row.who, Dir: "/work", DefaultDir: row.who == plan.Container},
			Steps:      []plan.Step{{Op: row.op}},
		}}
		err := f.failed(failure{kind: messageFailed, errno: row.errno})
		known, ok := errors.AsType[*exit.Error](err)
		if !ok || err.Error() != row.message || known.Hint != row.hint {
			t.Errorf("%+v: %v, hint %+v", row, err, known)
		}
	}
}

// Which kernel a mount needs depends on the system call and the file system.
func TestHintsOfAMount(t *testing.T) {
	for _, row := range []struct {
		op    plan.Op
		errno unix.Errno
		on    string
		ids   bool
		want  string
	}{
		{plan.OpClone, unix.ENOSYS, "ext4", false, "docker nsjoin mount needs Linux 5.12 or newer"},
		{plan.OpMountFlags, unix.ENOSYS, "ext4", true, "docker nsjoin mount needs Linux 5.12 or newer"},
		{plan.OpMountFlags, unix.EINVAL, "tmpfs", true, "/src is on tmpfs, which can map IDs from Linux 6.3 on; what is mounted beneath it has to, too, unless --mount has bind-recursive=disabled"},
		{plan.OpMountFlags, unix.EINVAL, "overlay", true, "/src is on overlay, which cannot map IDs"},
		{plan.OpMountFlags, unix.EINVAL, "ext4", false, ""},
		{plan.OpTmpfs, unix.EINVAL, "", false, "this kernel does not have one of its options, or not that value: size, mpol"},
	} {
		m := &plan.Mounting{Source: "/src", FileSystem: row.on, Options: [][2]string{{"size", "1"}, {"mpol", "x"}}}
		if row.ids {
			m.Map = []plan.IDRange{{}}
		}
		err := (&follower{plan: &plan.Plan{Target: "web", Mounting: m, Steps: []plan.Step{{Op: row.op}}}}).failed(failure{messageFailed, 0, row.errno})
		got := ""
		if known, ok := errors.AsType[*exit.Error](err); ok {
			got = known.Hint
		}
		if got != row.want {
			t.Errorf("%+v: %q", row, got)
		}
	}
}
