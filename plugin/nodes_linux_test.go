package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/exectest"
)

// nodesVariable is the variable of scripts/swarm with its engines.
const nodesVariable = "NSJOIN_TEST_NODES"

// node is an engine of scripts/swarm, which becomes a node of a swarm.
type node struct {
	context string // of the Docker CLI, as the client has it
	host    string // DOCKER_HOST of the context
	options string // of the context
	address string // in the test's own network
	dockerd int
}

// testNetwork is a network namespace with a bridge that the nodes are connected to, and the client's process is in. It ends
// with the test.
type testNetwork struct{ pid int }

// newNetwork makes the network namespace.
func newNetwork(t *testing.T) testNetwork {
	t.Helper()
	cmd := exec.Command("unshare", "--net", "cat")
	alive, err := cmd.StdinPipe() // closed when this process ends, whatever ends it
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { alive.Close(); _ = cmd.Wait() })
	n := testNetwork{cmd.Process.Pid}
	eventually(t, "unshare has made the namespace", func() bool {
		comm, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", n.pid))
		return string(comm) == "cat\n"
	})
	n.ip(t, n.pid, "link", "add", "bridge", "type", "bridge")
	n.ip(t, n.pid, "address", "add", "10.213.7.254/24", "dev", "bridge")
	n.ip(t, n.pid, "link", "set", "bridge", "up")
	n.ip(t, n.pid, "link", "set", "lo", "up")
	return n
}

// ip runs ip(8) in the network namespace of a process.
func (n testNetwork) ip(t *testing.T, pid int, args ...string) {
	t.Helper()
	if out, err := exec.Command("nsenter", append([]string{"-t", strconv.Itoa(pid), "-n", "ip"}, args...)...).CombinedOutput(); err != nil {
		t.Fatalf("ip %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// connect connects a node to the bridge.
func (n testNetwork) connect(t *testing.T, to node) {
	t.Helper()
	n.ip(t, n.pid, "link", "add", to.context, "type", "veth", "peer", "name", "test0", "netns", strconv.Itoa(to.dockerd))
	n.ip(t, n.pid, "link", "set", to.context, "master", "bridge", "up")
	n.ip(t, to.dockerd, "address", "add", to.address+"/24", "dev", "test0")
	n.ip(t, to.dockerd, "link", "set", "test0", "up")
}

// forwardTo accepts connections at an address in the network namespace of a process, and passes them on to another one in
// this process's.
func forwardTo(t *testing.T, pid int, address, to string) {
	t.Helper()
	type result struct {
		listener net.Listener
		err      error
	}
	made := make(chan result)
	go func() {
		runtime.LockOSThread() // for good: the thread ends
		ns, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", pid))
		if err == nil {
			defer ns.Close()
			err = unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET) //nolint:forbidigo // only this thread of the test
		}
		if err != nil {
			made <- result{nil, err}
			return
		}
		l, err := net.Listen("tcp", address)
		made <- result{l, err}
	}()
	r := <-made
	if r.err != nil {
		t.Fatal(r.err)
	}
	t.Cleanup(func() { r.listener.Close() })
	go func() {
		for {
			c, err := r.listener.Accept()
			if err != nil {
				return
			}
			go passTo(c, to)
		}
	}()
}

func passTo(c net.Conn, to string) {
	defer c.Close()
	other, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer other.Close()
	go func() {
		_, _ = io.Copy(other, c)
		_ = other.(*net.TCPConn).CloseWrite()
	}()
	_, _ = io.Copy(c, other)
}

// nodesOf reads the engines of scripts/swarm, and makes them reachable at addresses of their own.
func nodesOf(t *testing.T, c *caller, n testNetwork) []node {
	t.Helper()
	var nodes []node
	for line := range strings.Lines(os.Getenv(nodesVariable)) {
		fields := strings.Fields(line)
		at, err := url.Parse(fields[1])
		if err != nil {
			t.Fatal(err)
		}
		var made node
		dir := filepath.Dir(at.Path)
		switch at.Scheme {
		case "unix":
			made = node{context: "one", host: fields[1], address: "10.213.7.1"}
		case "tcp":
			certificates := fields[2]
			dir = filepath.Dir(certificates)
			made = node{context: "two", address: "10.213.7.2", host: "tcp://10.213.7.2:2376"}
			made.options = fmt.Sprintf(",ca=%[1]s/ca.pem,cert=%[1]s/cert.pem,key=%[1]s/key.pem", certificates)
		case "ssh":
			made = node{context: "three", address: "10.213.7.3", host: "ssh://root@10.213.7.3:22" + at.Path}
			c.aliasSSH(t, at.Host)
		}
		pid, err := os.ReadFile(filepath.Join(dir, "docker.pid"))
		if err != nil {
			t.Fatal(err)
		}
		if made.dockerd, err = strconv.Atoi(strings.TrimSpace(string(pid))); err != nil {
			t.Fatal(err)
		}
		n.connect(t, made)
		if at.Host != "" {
			listen, _ := url.Parse(made.host)
			forwardTo(t, made.dockerd, listen.Host, at.Host)
		}
		if out, err := c.docker("context", "create", made.context, "--docker", "host="+made.host+made.options).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		nodes = append(nodes, made)
	}
	if len(nodes) != 3 {
		t.Fatal("this test needs the engines of scripts/swarm")
	}
	slices.SortFunc(nodes, func(a, b node) int { return strings.Compare(a.address, b.address) })
	return nodes
}

// aliasSSH makes an ssh first in PATH that knows the host's key by the name that the engine's ssh has for it.
func (c *caller) aliasSSH(t *testing.T, alias string) {
	t.Helper()
	host, port, _ := net.SplitHostPort(alias)
	program, err := exec.LookPath("ssh")
	if err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(c.dir, "bin")
	text := fmt.Sprintf("#!/bin/sh\nexec %s -o HostKeyAlias='[%s]:%s' \"$@\"\n", program, host, port)
	if err := errors.Join(os.Mkdir(bin, 0o755), exectest.Write(filepath.Join(bin, "ssh"), []byte(text))); err != nil { //nolint:gosec // a directory of programs
		t.Fatal(err)
	}
	c.env[0] = "PATH=" + bin + ":" + os.Getenv("PATH")
}

// client returns a command of the Docker CLI that runs in the network.
func (n testNetwork) client(c *caller, args ...string) *exec.Cmd {
	cmd := c.docker(args...)
	cmd.Args = append([]string{"nsenter", "-t", strconv.Itoa(n.pid), "-n", "docker"}, args...)
	cmd.Path, _ = exec.LookPath("nsenter")
	return cmd
}

// printed is what a command has printed, and its exit status.
type printed struct {
	out, errs string
	status    int
}

func answerOf(cmd *exec.Cmd) printed {
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	_ = cmd.Run()
	return printed{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}

// must returns what a command prints.
func (n testNetwork) must(t *testing.T, c *caller, args ...string) string {
	t.Helper()
	a := answerOf(n.client(c, args...))
	if a.status != 0 {
		t.Fatalf("docker %s: %d\n%s%s", strings.Join(args, " "), a.status, a.out, a.errs)
	}
	return strings.TrimSpace(a.out)
}

// makeSwarm joins the nodes into a swarm, with a service of six tasks.
func makeSwarm(t *testing.T, c *caller, n testNetwork, nodes []node) {
	t.Helper()
	for _, made := range nodes {
		t.Cleanup(func() { _ = n.client(c, "-c", made.context, "swarm", "leave", "--force").Run() })
	}
	listen := func(at node) []string {
		return []string{"-c", at.context, "swarm", "join", "--advertise-addr", at.address, "--listen-addr", at.address + ":2377"}
	}
	first := listen(nodes[0])
	first[3] = "init"
	n.must(t, c, first...)
	token := n.must(t, c, "swarm", "join-token", "-q", "worker")
	for _, at := range nodes[1:] {
		n.must(t, c, append(listen(at), "--token", token, nodes[0].address+":2377")...)
	}
	n.must(t, c, "service", "create", "--detach", "--no-resolve-image", "--name", "api", "--replicas", "6", testImage, "sleep", "3600")
	n.waitForTasks(t, c, nodes)
}

// waitForTasks waits until all six tasks run, and all nodes are ready.
func (n testNetwork) waitForTasks(t *testing.T, c *caller, nodes []node) {
	t.Helper()
	last := ""
	defer func() {
		if t.Failed() {
			t.Log(last)
		}
	}()
	eventually(t, "six tasks run on the nodes", func() bool {
		time.Sleep(200 * time.Millisecond)
		last = answerOf(n.client(c, "service", "ls", "--format", "{{.Replicas}}")).out + answerOf(n.client(c, "node", "ls", "--format", "{{.Status}}")).out
		return last == "6/6\n"+strings.Repeat("Ready\n", len(nodes))
	})
}
