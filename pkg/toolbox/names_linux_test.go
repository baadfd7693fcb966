package toolbox

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/exectest"
)

// A program's name and a socket's path may have newlines. Each socket is one line all the same.
func TestNamesWithNewlines(t *testing.T) {
	bin := unpack(t)
	dir, err := os.MkdirTemp("", "sockets") //nolint:usetesting // the path of a socket has to be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	local, err := net.Listen("unix", filepath.Join(dir, "a\nb c"))
	if err != nil {
		t.Fatal(err)
	}
	defer local.Close()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	tcp, ok := listener.(*net.TCPListener)
	if !ok {
		t.Fatalf("it is a %T", listener)
	}
	file, err := tcp.File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	program, err := os.Open(filepath.Join(filepath.Dir(bin), "toolbox"))
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	info, err := program.Stat()
	if err != nil {
		t.Fatal(err)
	}
	named := filepath.Join(dir, "sl\neep")
	if err := exectest.Copy(named, program, info.Size()); err != nil {
		t.Fatal(err)
	}
	holder := &exec.Cmd{Path: named, Args: []string{"sleep", "1000"}, ExtraFiles: []*os.File{file}}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = holder.Process.Kill(); _ = holder.Wait() })
	port := fmt.Sprint(tcp.Addr().(*net.TCPAddr).Port) //nolint:forcetypeassert // of a TCP listener
	users := fmt.Sprintf(`("sl?eep",pid=%d,fd=3)`, holder.Process.Pid)
	for _, row := range []struct {
		command []string
		line    string // a part of the one line that has it
		lines   int    // of the output; 0: others have sockets too
	}{
		{[]string{"ss", "-Hxl"}, filepath.Join(dir, "a?b c"), 0},
		{[]string{"netstat", "-xl"}, filepath.Join(dir, "a?b c"), 0},
		{[]string{"ss", "-Htlnp", "sport", "=", ":" + port}, users, 1},
		{[]string{"lsof", "-nP", "-p", fmt.Sprint(holder.Process.Pid), "-a", "-i", ":" + port}, "sl?eep", 2},
		{[]string{"ps", "-o", "comm=", "-p", fmt.Sprint(holder.Process.Pid)}, "sl?eep", 1},
	} {
		text, err := exec.Command(filepath.Join(bin, row.command[0]), row.command[1:]...).Output()
		n := strings.Count(string(text), "\n")
		if err != nil || strings.Count(string(text), row.line) != 1 || row.lines > 0 && n != row.lines || strings.Contains("\n"+string(text), "\nb c") || strings.Contains("\n"+string(text), "\neep") {
			t.Errorf("%q prints %q, %v; want one line with %q", row.command, text, err, row.line)
		}
	}
}
