//go:build linux

package main_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
	"github.com/nsjoin/docker-nsjoin/pkg/sockets/client"
	"github.com/nsjoin/docker-nsjoin/pkg/sockets/passing"
)

// forwarding is a network that a helper serves, of a process with its own namespaces.
type forwarding struct {
	*client.Local
	pid    int
	helper *exec.Cmd
}

// forward starts a helper for the sockets of process pid.
func forward(t *testing.T, pid int) *forwarding {
	t.Helper()
	r := request.NewForward(request.Source{From: request.FromPID, PID: pid}, "", true)
	r.Names = nil
	document := filepath.Join(t.TempDir(), "request")
	var text bytes.Buffer
	if err := r.Write(&text); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(document, text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(document)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	ours, theirs, err := passing.Pair()
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	helper, err := filepath.Abs("../../pkg/payload/helpers/linux_" + runtime.GOARCH)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(helper, "3", "4")
	var errs bytes.Buffer
	cmd.ExtraFiles, cmd.Stderr, cmd.Env = []*os.File{f, theirs}, &errs, []string{}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	network, err := client.OpenLocal(t.Context(), ours, cmd.Wait)
	if err != nil {
		t.Fatalf("%v: %s", err, errs.String())
	}
	t.Cleanup(func() {
		if err := network.Close(); err != nil {
			t.Error(err)
		}
		if errs.Len() > 0 {
			t.Log(errs.String())
		}
	})
	return &forwarding{network, pid, cmd}
}

// inside runs a command in the namespaces of the process.
func (f *forwarding) inside(t *testing.T, script string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "nsenter", "-t", fmt.Sprint(f.pid), "-a", "sh", "-c", script).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", script, err, out)
	}
}

// echo answers each connection with what it reads, then ends.
func echo(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			_, _ = io.Copy(conn, conn)
			conn.Close()
		}()
	}
}

// exchange sends text and expects it back.
func exchange(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	half, ok := conn.(interface{ CloseWrite() error })
	if !ok {
		t.Fatalf("%T has no CloseWrite", conn)
	}
	if err := half.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(conn)
	if err != nil || string(got) != text {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
}

// TestForwardTCP listens and connects in the network of a process, on loopback addresses, which nobody else reaches.
func TestForwardTCP(t *testing.T) {
	f := forward(t, isolated(t, ns.All().Without(ns.SetOf(ns.User))))
	f.inside(t, "ip link set lo up")
	for _, address := range []string{"127.0.0.1:80", "[::1]:80"} {
		if _, err := f.Dial(t.Context(), "tcp", address); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("nothing listens on %s: %v", address, err)
		}
		listener, err := f.Listen(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		go echo(listener)
		if _, err := f.Listen(t.Context(), "tcp", address); !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("%s is in use: %v", address, err)
		}
		for i := range 100 {
			conn, err := f.Dial(t.Context(), "tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			exchange(t, conn, strings.Repeat(fmt.Sprintln(i), 1000))
		}
		if conn, err := net.DialTimeout("tcp", address, time.Second); err == nil {
			if conn.RemoteAddr().String() == address {
				t.Logf("%s listens here too", address)
			}
			conn.Close()
		}
	}
	list, err := f.Listening(t.Context())
	if err != nil || len(list) != 2 {
		t.Errorf("%v, %v", list, err)
	}
}

// TestForwardEndsWithTheProcess ends a network with the process that it belongs to.
func TestForwardEndsWithTheProcess(t *testing.T) {
	f := forward(t, isolated(t, ns.SetOf(ns.Net, ns.Mnt, ns.PID)))
	if err := syscall.Kill(f.pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	select {
	case <-f.Gone():
	case <-time.After(time.Minute):
		t.Fatal("the helper still serves")
	}
	if err := f.Err(); err != nil {
		t.Errorf("the process has ended: %v", err)
	}
	if _, err := f.Dial(t.Context(), "tcp", "127.0.0.1:80"); err == nil {
		t.Error("there is still a network")
	}
}

// TestForwardDialGivesUp ends a connection that nobody answers with its context.
func TestForwardDialGivesUp(t *testing.T) {
	f := forward(t, isolated(t, ns.All().Without(ns.SetOf(ns.User))))
	f.inside(t, "ip link set lo up && ip link add v type veth peer name w && ip link set w up && ip addr add 192.0.2.1/24 dev v && ip link set v up")
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	start := time.Now()
	if _, err := f.Dial(ctx, "tcp", "192.0.2.9:80"); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > 30*time.Second {
		t.Errorf("%v after %v", err, time.Since(start))
	}
}

// TestForwardUnix connects and listens on UNIX sockets, by path and by abstract name.
func TestForwardUnix(t *testing.T) {
	f := forward(t, isolated(t, ns.All().Without(ns.SetOf(ns.User))))
	f.inside(t, "mount -t tmpfs none /mnt")
	for _, name := range []string{"/mnt/a.sock", "@nsjoin-test"} {
		if _, err := f.Dial(t.Context(), "unix", name); !errors.Is(err, syscall.ENOENT) && !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("there is no %s: %v", name, err)
		}
		listener, err := f.Listen(t.Context(), "unix", name)
		if err != nil {
			t.Fatal(err)
		}
		go echo(listener)
		if _, err := f.Listen(t.Context(), "unix", name); !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("%s is in use: %v", name, err)
		}
		for range 10 {
			conn, err := f.Dial(t.Context(), "unix", name)
			if err != nil {
				t.Fatal(err)
			}
			exchange(t, conn, strings.Repeat("text\n", 10_000))
		}
		if err := listener.Close(); err != nil {
			t.Error(err)
		}
	}
	f.inside(t, "test -z \"$(ls -A /mnt)\"")
}

// TestForwardLeavesNoSocket kills the helper: the file of a socket is removed nevertheless.
func TestForwardLeavesNoSocket(t *testing.T) {
	f := forward(t, isolated(t, ns.All().Without(ns.SetOf(ns.User))))
	f.inside(t, "mount -t tmpfs none /mnt")
	for _, name := range []string{"/mnt/a", "/mnt/b"} {
		listener, err := f.Listen(t.Context(), "unix", name)
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
	}
	f.inside(t, "test -S /mnt/a && rm /mnt/b && touch /mnt/b") // another file is not ours
	if err := f.helper.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := f.Err(); !errors.Is(err, client.ErrHelperEnded) {
		t.Errorf("the helper was killed: %v", err)
	}
	f.inside(t, "for i in 1 2 3 4 5 6 7 8 9; do test -e /mnt/a || break; sleep 0.2; done; ! test -e /mnt/a && test -f /mnt/b")
}
