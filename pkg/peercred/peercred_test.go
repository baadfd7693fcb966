//go:build unix

// Wine has no UNIX sockets.

package peercred_test

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/peercred"
)

func TestBothSides(t *testing.T) {
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	a, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	b, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	for _, conn := range []net.Conn{a, b} {
		uid, known, err := peercred.Of(conn)
		if err != nil || !known || int(uid) != os.Geteuid() {
			t.Errorf("uid %d, %t, %v", uid, known, err)
		}
	}
}

func TestOtherConnections(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	if _, known, err := peercred.Of(a); known || err != nil {
		t.Errorf("known %t, %v", known, err)
	}
}
