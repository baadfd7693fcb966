//go:build linux

package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/diff"
)

// foreign tells whose docker exec it is, where it has ways of its own: Podman's,
// which leaves HOSTNAME out and the first process's HOME in, or crun's, whose
// command has the shim's oom_score_adj and no HOME without a user. There a command
// of docker nsjoin is as Docker's with runc; only its rights are compared.
func foreign(t *testing.T) string {
	t.Helper()
	if strings.Contains(docker(t, "version", "--format", "{{json .Server.Components}}"), "Podman Engine") {
		return "Podman"
	}
	if runtime := docker(t, "info", "--format", "{{.DefaultRuntime}}"); runtime != "runc" {
		return runtime
	}
	return ""
}

// rights are the lines of /proc/PID/status that say what a process may.
var rights = regexp.MustCompile(`(?m)^(Uid|Gid|Cap\w+|NoNewPrivs|Seccomp\w*):.*$`)

// compareRights is for a row that may differ by the ways of another docker exec.
func (p *parity) compareRights(t *testing.T, row parityRow, a, b string) {
	t.Helper()
	theirs, ours := strings.Join(rights.FindAllString(a, -1), "\n"), strings.Join(rights.FindAllString(b, -1), "\n")
	if theirs != ours && !row.differs() {
		t.Errorf("%s:%d: the rights are not those of %s's:\n%s", parityTable, row.line, p.foreign,
			diff.Diff("docker exec", []byte(theirs), "docker nsjoin", []byte(ours)))
		return
	}
	t.Logf("%s:%d: with %s:\n%s", parityTable, row.line, p.foreign, diff.Diff("docker exec", []byte(a), "docker nsjoin", []byte(b)))
	p.count(&p.theirs)
}

// kindsOfEngine are the words for which the scripts have the condition engine:KIND.
func kindsOfEngine(t *testing.T) map[string]bool {
	t.Helper()
	info := strings.SplitN(docker(t, "info", "--format", "{{.ServerVersion}}|{{.DefaultRuntime}}|{{.SecurityOptions}}"), "|", 3)
	version, runtime, options := info[0], info[1], info[2]
	rootless, whose := strings.Contains(options, "name=rootless"), foreign(t)
	return map[string]bool{
		"rootless": rootless,
		// Before 26 a rootless one gives no container the host's processes.
		"no-helper": rootless && strings.HasPrefix(version, "20."),
		"userns":    rootless || strings.Contains(options, "name=userns"),
		"podman":    whose == "Podman",
		"foreign":   whose != "",
		"crun":      runtime == "crun",
		"policy":    os.Getenv("NSJOIN_TEST_ENGINE") == "policy",
		"audit":     os.Getenv(auditVariable) != "",
	}
}
