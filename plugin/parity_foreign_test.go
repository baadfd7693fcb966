//go:build linux

package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/diff"
)

// foreign names the engine or runtime whose docker exec differs from Docker's with runc, or returns
// "". Podman omits HOSTNAME and keeps the first process's HOME; with crun, the command has the shim's
// oom_score_adj, and no HOME without a user. docker nsjoin does as Docker with runc there, so only the
// command's rights are compared.
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

// rights matches the lines of /proc/PID/status about a process's rights.
var rights = regexp.MustCompile(`(?m)^(Uid|Gid|Cap\w+|NoNewPrivs|Seccomp\w*):.*$`)

// compareRights compares a row's rights only, for a foreign docker exec.
func (p *parity) compareRights(t *testing.T, row parityRow, a, b string) {
	t.Helper()
	theirs, ours := strings.Join(rights.FindAllString(a, -1), "\n"), strings.Join(rights.FindAllString(b, -1), "\n")
	if theirs != ours && !row.differs() {
		t.Errorf("%s:%d: the rights differ from %s's:\n%s", parityTable, row.line, p.foreign,
			diff.Diff("docker exec", []byte(theirs), "docker nsjoin", []byte(ours)))
		return
	}
	t.Logf("%s:%d: with %s:\n%s", parityTable, row.line, p.foreign, diff.Diff("docker exec", []byte(a), "docker nsjoin", []byte(b)))
	p.count(&p.theirs)
}

// kindsOfEngine returns the kinds for the scripts' condition engine:KIND.
func kindsOfEngine(t *testing.T) map[string]bool {
	t.Helper()
	info := strings.SplitN(docker(t, "info", "--format", "{{.ServerVersion}}|{{.DefaultRuntime}}|{{.SecurityOptions}}"), "|", 3)
	version, runtime, options := info[0], info[1], info[2]
	rootless, whose := strings.Contains(options, "name=rootless"), foreign(t)
	return map[string]bool{
		"rootless": rootless,
		// A rootless engine before 26 cannot give a container the host's PID namespace.
		"no-helper": rootless && strings.HasPrefix(version, "20."),
		"userns":    rootless || strings.Contains(options, "name=userns"),
		"podman":    whose == "Podman",
		"foreign":   whose != "",
		"crun":      runtime == "crun",
		"policy":    os.Getenv("NSJOIN_TEST_ENGINE") == "policy",
		"audit":     os.Getenv(auditVariable) != "",
	}
}
