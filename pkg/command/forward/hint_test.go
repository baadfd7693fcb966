package forward

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/forward"
	"github.com/nsjoin/docker-nsjoin/pkg/forward/container"
	"github.com/nsjoin/docker-nsjoin/pkg/forward/spec"
)

// A hint is about what has failed: a port or a path, here or in the container.
func TestHints(t *testing.T) {
	port, path := spec.Listen{Network: spec.TCP, Port: 80}, spec.Listen{Network: spec.Unix, Path: "/s"}
	for _, row := range []struct {
		listen  spec.Listen
		reverse bool
		errno   syscall.Errno
		want    string // part of the hint
	}{
		{port, false, syscall.EADDRINUSE, "0:PORT takes"},
		{port, true, syscall.EADDRINUSE, "-R 0:PORT takes"},
		{path, false, syscall.EADDRINUSE, "another name"},
		{port, false, syscall.EACCES, "1024 upwards"},
		{path, false, syscall.EACCES, "directory"},
		{path, true, syscall.EACCES, "-u chooses"},
		{port, false, syscall.ENOMEM, ""},
	} {
		failed := &forward.ListenError{Forward: spec.Forward{Listen: row.listen, Reverse: row.reverse}, Container: "web", Err: row.errno}
		hint := ""
		if known, ok := errors.AsType[*exit.Error](withHint(fmt.Errorf("forward: %w", failed))); ok {
			hint = known.Hint
		}
		if !strings.Contains(hint, row.want) || row.want == "" && hint != "" {
			t.Errorf("%+v: %q", row, hint)
		}
	}
	if _, ok := errors.AsType[*exit.Error](withHint(syscall.EACCES)); ok {
		t.Error("a hint for an error that is not about listening")
	}
}

// A container that is written before a colon, as for docker cp, is one in the hint.
func TestContainerBeforeColon(t *testing.T) {
	for word, want := range map[string]string{
		"web:80": "web 80", "web:8080:80": "web 8080:80", "web:8080:db:5432": "web 8080:db:5432", "web:53/udp": "web 53/udp",
		"8080:80": "CONTAINER 8080:80", "localhost:8080:80": "CONTAINER localhost:8080:80", "*:8080:80": "CONTAINER *:8080:80",
		"127.0.0.1:8080:80": "CONTAINER 127.0.0.1:8080:80", "[::1]:8080:80": "CONTAINER [::1]:8080:80", "/tmp/a:80": "CONTAINER /tmp/a:80",
		":80": "CONTAINER :80", "8080:/run/a": "CONTAINER 8080:/run/a", "web:/run/a": "CONTAINER web:/run/a",
	} {
		if name, forward := split(word); name+" "+forward != want {
			t.Errorf("%s: %s %s", word, name, forward)
		}
	}
}

// Who else reaches what -R listens on is said once, not at each restart.
func TestSharedNetworkIsSaidOnce(t *testing.T) {
	var errs bytes.Buffer
	p := &printer{out: io.Discard, errs: &errs}
	for range 2 {
		p.warnOnce(sharedText("web", container.HostNetwork))
	}
	if got, want := errs.String(), "docker nsjoin: warning: -R: every user of the engine's host can connect to it, since web has the host's network\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
