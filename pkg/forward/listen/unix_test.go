//go:build unix

// Wine has no UNIX sockets.

package listen_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/forward/listen"
	"github.com/nsjoin/docker-nsjoin/pkg/forward/spec"
)

func TestUNIXSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l := spec.Listen{Network: spec.Unix, Path: path}
	s := on(t, l)
	info, err := os.Lstat(path)
	if err != nil || info.Mode() != os.ModeSocket|0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if _, err := listen.On(t.Context(), l, nil, false); err == nil {
		t.Error("a second listener")
	}
	s.Close()
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("after Close: %v", err)
	}
	for name, make := range map[string]func(){
		"a file": func() { _ = os.WriteFile(path, nil, 0o600) },
		"a link": func() { _ = os.Symlink("/nowhere", path) },
		"another program's socket": func() {
			other, _ := net.Listen("unix", path)
			other.(*net.UnixListener).SetUnlinkOnClose(false)
			other.Close()
		},
	} {
		make()
		if _, err := listen.On(t.Context(), l, nil, false); err == nil || !strings.Contains(err.Error(), "listen on "+path+": ") {
			t.Errorf("%s is replaced: %v", name, err)
		}
		if err := os.Remove(path); err != nil {
			t.Errorf("%s is removed: %v", name, err)
		}
	}
	// One that a process left that was killed.
	left, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	left.(*net.UnixListener).SetUnlinkOnClose(false)
	_ = os.Chmod(path, 0o600)
	left.Close()
	on(t, l).Close()
	// What another program has put there meanwhile stays.
	s = on(t, l)
	_ = os.Remove(path)
	_ = os.WriteFile(path, nil, 0o600)
	s.Close()
	if _, err := os.Lstat(path); err != nil {
		t.Error(err)
	}
}
