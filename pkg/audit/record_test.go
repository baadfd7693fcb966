package audit_test

import (
	"testing"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/audit"
)

// An unset login uid is not recorded, neither as 0 nor as 4294967295, and the client's claims have
// other names than what the kernel says.
func TestUnsetFieldsAreOmitted(t *testing.T) {
	login := uint32(1000)
	local := &audit.Join{Way: "local", Caller: &audit.Caller{UID: 0, EUID: 0}}
	expect(t, local.Begin(), map[string]string{"uid": "0", "euid": "0"}, "login_uid", "login_session", "tty", "claimed_uid")
	local.Caller = &audit.Caller{Login: &login, Session: &login, UID: 0, Terminal: "/dev/pts/3"}
	expect(t, local.Begin(), map[string]string{"login_uid": "1000", "login_session": "1000", "tty": "/dev/pts/3"}, "claimed_login_uid")
	remote := &audit.Join{Way: "engine", Request: audit.Request{Client: &audit.Caller{Login: &login, UID: 1000, Terminal: "/dev/pts/3", Host: "laptop"}}}
	expect(t, remote.Begin(), map[string]string{"claimed_login_uid": "1000", "claimed_uid": "1000", "claimed_host": "laptop", "claimed_tty": "/dev/pts/3"},
		"login_uid", "uid", "euid", "tty")
}

func TestArgumentsAreOnlyInBeginAndIfRequested(t *testing.T) {
	j := &audit.Join{Program: "sh"}
	expect(t, j.Begin(), map[string]string{"program": "sh"}, "arguments")
	j.Arguments = []string{"sh", "-c", "secret"}
	expect(t, j.Begin(), map[string]string{"program": "sh", "arguments": `"sh" "-c" "secret"`})
	expect(t, j.End(audit.End{}), map[string]string{"program": "sh"}, "arguments")
}

func TestEndRecords(t *testing.T) {
	j := &audit.Join{ID: "1"}
	expect(t, j.End(audit.End{Reason: audit.Exited, PID: 7, Took: 1500 * time.Microsecond}),
		map[string]string{"event": "end", "id": "1", "reason": "exited", "status": "0", "command_pid": "7", "duration_usec": "1500"}, "signal", "error")
	expect(t, j.End(audit.End{Reason: audit.Signaled, Status: 143, Signal: 15}), map[string]string{"reason": "signal", "status": "143", "signal": "15"})
	expect(t, j.End(audit.End{Reason: audit.Failed, Status: 127, Error: "not found"}),
		map[string]string{"reason": "failed", "status": "127", "error": "not found"}, "command_pid")
	// The status of a command whose helper was killed is unknown.
	expect(t, j.End(audit.End{Reason: audit.Killed}), map[string]string{"reason": "killed"}, "status", "duration_usec")
}

func expect(t *testing.T, r audit.Record, want map[string]string, absent ...string) {
	t.Helper()
	got := make(map[string]string)
	for _, f := range r.Fields {
		got[f.Name] = f.Value
	}
	for name, value := range want {
		if got[name] != value {
			t.Errorf("%s is %q, want %q", name, got[name], value)
		}
	}
	for _, name := range absent {
		if value, there := got[name]; there {
			t.Errorf("unexpected %s: %q", name, value)
		}
	}
}
