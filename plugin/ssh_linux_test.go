package main

import (
	"bytes"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"testing"
	"time"
)

// TestSSHWithManyCallers makes 12 calls at once through an sshd with the default MaxStartups,
// 10:30:100: of more than ten connections that have not logged in, sshd drops some at random before
// its greeting. Connections that never log in provoke that. It needs scripts/engine run ssh.
func TestSSHWithManyCallers(t *testing.T) {
	at, err := url.Parse(os.Getenv("DOCKER_HOST"))
	if err != nil || at.Scheme != "ssh" {
		t.Fatalf("this test needs an engine that is reached by ssh: scripts/engine run ssh; %v", err)
	}
	c := newCaller(t)
	web := c.container(t)
	if dropped := silentCallers(t, at.Host, 15); dropped == 0 {
		t.Log("sshd dropped none of the silent connections")
	}
	const calls = 12
	type call struct {
		cmd *exec.Cmd
		out *bytes.Buffer
	}
	var all [calls]call
	for i := range all {
		all[i] = call{c.docker("nsjoin", web, "echo", "ok"), &bytes.Buffer{}}
		all[i].cmd.Stdout, all[i].cmd.Stderr = all[i].out, all[i].out
		if err := all[i].cmd.Start(); err != nil {
			t.Fatal(err)
		}
	}
	for i, call := range all {
		if status := ended(t, call.cmd); status != 0 || call.out.String() != "ok\n" {
			t.Errorf("call %d: exit status %d\n%s", i, status, call.out)
		}
	}
}

// silentCallers opens connections to an sshd that stay silent, until it has accepted many of them. It
// returns how many were dropped.
func silentCallers(t *testing.T, address string, many int) (dropped int) {
	t.Helper()
	for held := 0; held < many; {
		conn, err := net.DialTimeout("tcp", address, endsWithin)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetReadDeadline(time.Now().Add(endsWithin))
		greeting := make([]byte, len("SSH-2.0-"))
		if _, err := io.ReadFull(conn, greeting); err != nil || string(greeting) != "SSH-2.0-" {
			dropped++
			conn.Close()
			continue
		}
		held++
		t.Cleanup(func() { conn.Close() })
	}
	return dropped
}
