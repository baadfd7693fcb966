//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/audit/audittest"
	"github.com/nsjoin/docker-nsjoin/pkg/exectest"
)

// auditVariable names a directory whose etc and run are mounted over /etc/docker and
// /run/systemd of the engine's host, by scripts/engine's variant audit.
const auditVariable = "NSJOIN_TEST_AUDIT"

// audited runs its arguments in a new mount namespace where $AUDIT/etc is mounted over
// /etc/docker and $AUDIT/run over /run/systemd.
const audited = `#!/bin/sh
[ "$1" != inside ] || {
	mount --bind "$AUDIT/etc" /etc/docker && mount --bind "$AUDIT/run" /run/systemd && shift && exec "$@"
	exit 99
}
exec unshare --mount --propagation private "$0" inside "$@"
`

// listening is the script's listener, which the command journald sets.
type listening struct{ *audittest.Listener }

func journald(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: journald")
	}
	dir := ts.Getenv("AUDIT")
	if dir == "" {
		dir = auditDirectory(ts)
		ts.Setenv("AUDIT", dir)
	}
	ts.Check(os.MkdirAll(filepath.Join(dir, "etc"), 0o755))
	l, err := audittest.Listen(filepath.Join(dir, "run/journal/socket"))
	ts.Check(err)
	ts.Defer(func() { l.Close() })
	ts.Value(listeningKey{}).(*listening).Listener = l
	bin := ts.MkAbs("bin")
	ts.Check(os.MkdirAll(bin, 0o755))
	ts.Check(exectest.Write(filepath.Join(bin, "audited"), []byte(audited)))
	ts.Setenv("PATH", bin+":"+ts.Getenv("PATH"))
}

// auditDirectory returns a new directory, or with --via engine the directory of the
// engine's host, which it locks: one script uses it at a time.
func auditDirectory(ts *testscript.TestScript) string {
	if dir := os.Getenv(auditVariable); dir != "" && os.Getenv(viaVariable) == "engine" {
		f, err := os.Open(dir)
		ts.Check(err)
		ts.Defer(func() { f.Close() })
		ts.Check(unix.Flock(int(f.Fd()), unix.LOCK_EX))
		ts.Defer(func() { _ = os.Remove(filepath.Join(dir, "etc/nsjoin.json")) })
		return dir
	}
	dir, err := os.MkdirTemp("", "nsjoin-audit") // short, because a socket's path is limited
	ts.Check(err)
	ts.Defer(func() { _ = os.RemoveAll(dir) })
	return dir
}

type listeningKey struct{}

func records(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: records N FILE")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	l := ts.Value(listeningKey{}).(*listening)
	var out strings.Builder
	for n := 0; ; n++ {
		wait := scriptWithin
		if n >= want {
			wait = 0
		}
		text, pid, err := l.Receive(wait)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			if n != want {
				ts.Fatalf("received %d records, not %d:\n%s", n, want, out.String())
			}
			break
		}
		ts.Check(err)
		fields, err := audittest.Parse(text)
		ts.Check(err)
		fmt.Fprintf(&out, "_PID=%q\n", strconv.Itoa(pid)) // as journald adds it
		for _, f := range fields {
			fmt.Fprintf(&out, "%s=%q\n", f.Name, f.Value)
		}
		out.WriteByte('\n')
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(out.String()), 0o644))
}
