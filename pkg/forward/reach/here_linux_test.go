package reach_test

import (
	"net"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/forward/reach"
	"github.com/nsjoin/docker-nsjoin/pkg/peeruid"
	"github.com/nsjoin/docker-nsjoin/pkg/sockets"
)

// A container has this process's network if it lists a socket of this process.
func TestIsHere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	raw, err := l.(*net.TCPListener).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var st unix.Stat_t
	_ = raw.Control(func(fd uintptr) { err = unix.Fstat(int(fd), &st) })
	if err != nil {
		t.Fatal(err)
	}
	at := l.Addr().(*net.TCPAddr).AddrPort()
	for name, row := range map[string]struct {
		inode uint64
		port  uint16
		want  bool
	}{
		"this socket":    {st.Ino, at.Port(), true},
		"another socket": {st.Ino + 1<<40, at.Port(), false},
		"no inode":       {0, at.Port(), false},
		"another port":   {st.Ino, at.Port() + 1, false},
	} {
		n := reach.New(&listing{list: []sockets.Listening{{Network: "tcp", Address: at, Inode: row.inode}}})
		if got := n.IsHere(t.Context(), row.port, peeruid.Inodes); got != row.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
