//go:build linux

package kernel

import (
	"errors"
	"fmt"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
)

func TestHints(t *testing.T) {
	if filtered() {
		t.Fatal("this test runs under a seccomp filter")
	}
	for _, row := range []struct {
		name string
		err  error
		want string
	}{
		{"no hint is known", fmt.Errorf("read: %w", unix.EIO), ""},
		{"rights", unix.EPERM, ""},
		{"a kernel too old", fmt.Errorf("pidfd: %w", unix.ENOSYS), "docker nsjoin needs Linux 5.6 or newer"},
		{"open files", unix.EMFILE, "the limit on open files is too low: raise it with ulimit -Hn 256"},
		{"the machine's open files", unix.ENFILE, "the machine's limit on open files is reached: raise it with sysctl fs.file-max=NUMBER"},
		{"the command's own", exit.WithStatus(exit.CannotRun, unix.ENOSYS), ""},
		{"an earlier hint stays", exit.Hint(unix.ENOSYS, "near"), "near"},
	} {
		err := Explain(row.err)
		if got := hint(err); got != row.want {
			t.Errorf("%s: %q, want %q", row.name, got, row.want)
		}
		if !errors.Is(err, row.err) || err.Error() != row.err.Error() {
			t.Errorf("%s: %v became %v", row.name, row.err, err)
		}
	}
	if got := hint(ExplainFor(unix.ENOSYS, " mount", "5.12")); got != "docker nsjoin mount needs Linux 5.12 or newer" {
		t.Errorf("what needs a later kernel: %q", got)
	}
	if got := hint(ForkHint(unix.EAGAIN)); got != "a limit on processes is reached: raise ulimit -u, or pids.max of the cgroup (docker update --pids-limit for a container's)" {
		t.Errorf("limit of processes: %q", got)
	}
	if got := hint(ForkHint(unix.ENOMEM)); got != "" {
		t.Errorf("no memory for a process: %q", got)
	}
}

func hint(err error) string {
	known, ok := errors.AsType[*exit.Error](err)
	if !ok {
		return ""
	}
	return known.Hint
}
