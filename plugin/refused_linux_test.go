package main

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

const (
	sandboxed = "hint: docker nsjoin itself runs under a seccomp filter, such as that of a systemd unit or a container: " +
		"run it without the filter, or use --via engine\n"
	tooManyFiles = "hint: the limit on open files is too low: raise it with ulimit -Hn 256\n"
)

var pidNumber = regexp.MustCompile(`(process |pid:|pid )\d+`)

// TestKernelRefusesACall joins a process while a seccomp filter makes one system call fail, as
// an older kernel or a sandbox does.
func TestKernelRefusesACall(t *testing.T) {
	pid, parent := isolatedProcess(t)
	for _, row := range []struct {
		call  uintptr
		name  string
		wants string // the message; "" if docker nsjoin does without the call
	}{
		{unix.SYS_MEMFD_CREATE, "memfd_create", "make memory file docker-nsjoin: memfd_create: ERROR\n" + sandboxed},
		{unix.SYS_PIDFD_OPEN, "pidfd_open", "open process N: ERROR\n" + sandboxed},
		{unix.SYS_SETNS, "setns", "read the identity of pid:N: root of the mount namespace: setns: ERROR\n" + sandboxed}, //nolint:forbidigo // the filter refuses it
		{unix.SYS_OPENAT2, "openat2", "read the identity of pid:N: user \"root\": its /etc/passwd: openat2: ERROR\n" + sandboxed},
		{unix.SYS_PRLIMIT64, "prlimit64", "set resource limits of \"pid:N\": ERROR\n" + sandboxed},
		{unix.SYS_CLOSE_RANGE, "close_range", ""},
		{unix.SYS_CLONE3, "clone3", ""},
		{unix.SYS_STATX, "statx", ""},
	} {
		for _, errno := range []unix.Errno{unix.ENOSYS, unix.EPERM} {
			t.Run(fmt.Sprintf("%s %s", row.name, unix.ErrnoName(errno)), func(t *testing.T) {
				becomeReaper(t)
				cmd := newBrokenEngine(t, silence).plugin(t, "-u", "root", fmt.Sprintf("pid:%d", pid), "echo", "joined")
				var out, errs bytes.Buffer
				cmd.Stdout, cmd.Stderr = &out, &errs
				startRefused(t, cmd, row.call, errno)
				status := ended(t, cmd)
				nothingLeft(t, cmd, parent)
				// The caller's own filter causes a warning, since the command keeps it.
				said := strings.Replace(errs.String(), keepsFilter, "", 1)
				if row.wants == "" {
					if status != 0 || out.String() != "joined\n" || said != "" {
						t.Errorf("exit status %d, stdout %q, stderr %q", status, &out, &errs)
					}
					return
				}
				want := "docker nsjoin: " + strings.ReplaceAll(row.wants, "ERROR", errno.Error())
				if got := pidNumber.ReplaceAllString(said, "${1}N"); status != 125 || got != want || out.Len() > 0 {
					t.Errorf("exit status %d, stdout %q, stderr %q\nwant %q", status, &out, got, want)
				}
			})
		}
	}
}

// A PID namespace can have its own vm.memfd_noexec.
func TestMemoryFilesThatMayNotRun(t *testing.T) {
	for _, row := range []struct{ value, want string }{
		{"1", "joined\n"},
		{"2", "docker nsjoin: make memory file docker-nsjoin: memfd_create: permission denied\n" +
			"hint: sysctl vm.memfd_noexec is 2, which forbids executable memory files: set it to 1, or use --via engine\n"},
	} {
		becomeReaper(t)
		cmd := newBrokenEngine(t, silence).plugin(t, "--only", "net", "pid:1", "echo", "joined")
		cmd.Args = append([]string{
			"unshare", "-p", "-f", "--mount-proc", "sh", "-c",
			`echo $0 >/proc/sys/vm/memfd_noexec && "$@"; exit $?`, row.value, cmd.Path,
		}, cmd.Args[1:]...)
		cmd.Path, cmd.Err = lookPath(t, "unshare"), nil
		out, errs := output(t, cmd)
		if out+errs != row.want {
			t.Errorf("vm.memfd_noexec %s: stdout %q, stderr %q, want %q", row.value, out, errs, row.want)
		}
		nothingLeft(t, cmd)
	}
}

// If the limit of open files is reached, the message says so, whatever was being opened. Below
// the limits tried here, the Go runtime and the Docker CLI abort.
func TestLimitOfOpenFiles(t *testing.T) {
	pid, parent := isolatedProcess(t)
	refused := 0
	for limit := 10; limit < 64; limit += 2 {
		becomeReaper(t)
		cmd := newBrokenEngine(t, silence).plugin(t, fmt.Sprintf("pid:%d", pid), "echo", "joined")
		cmd.Args = append([]string{"sh", "-c", `ulimit -n $0 && exec "$@"`, fmt.Sprint(limit), cmd.Path}, cmd.Args[1:]...)
		cmd.Path, cmd.Err = lookPath(t, "sh"), nil
		out, errs := output(t, cmd)
		status := cmd.ProcessState.ExitCode()
		nothingLeft(t, cmd, parent)
		switch {
		case status == 0 && out == "joined\n" && errs == "":
		case strings.Contains(errs, "set resource limits"): // which needs CAP_SYS_RESOURCE
		case status == 125 && out == "" && strings.HasPrefix(errs, "docker nsjoin: ") &&
			strings.HasSuffix(errs, ": too many open files\n"+tooManyFiles) && strings.Count(errs, "\n") == 2:
			refused++
		default:
			t.Errorf("ulimit -n %d: exit status %d, stdout %q, stderr %q", limit, status, out, errs)
		}
	}
	if refused < 5 {
		t.Errorf("the limit was reached %d times", refused)
	}
}

// isolatedProcess starts a process in new namespaces and returns its PID and its parent's.
func isolatedProcess(t *testing.T) (pid, parent int) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("joining namespaces needs root")
	}
	pid = isolated(t, "process", "--mount", "--uts", "--ipc", "--net", "--pid", "--kill-child").pid
	eventually(t, "the process runs", func() bool { return comm(pid) == "sleep\n" })
	return pid, parentOf(t, pid)
}

const keepsFilter = "docker nsjoin: warning: the command keeps the caller's seccomp filter, which cannot be removed; --via engine runs the command without it\n"
