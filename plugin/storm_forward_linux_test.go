//go:build linux

package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// stormServer turns the test program into the server of TestStormForward, with this one letter as its name.
const stormServer = "NSJOIN_TEST_STORM_SERVER"

const stormPort = 7000

// wish is what a client of the storm asks a server for, in this order on the wire.
type wish struct {
	Seed     uint64
	Up, Down uint32 // bytes
	End      uint32 // how the server ends the connection
}

// How a side ends a connection.
const (
	endRegularly = iota
	endByReset
	endEarly // in the middle
	endLate  // it holds the connection for a while
	endings
)

// TestStormServer is not a test: it is the first process of a container. It serves wishes: it sends its name and random
// bytes, and receives as many as it was told.
func TestStormServer(t *testing.T) {
	name := os.Getenv(stormServer)
	if name == "" {
		return
	}
	l, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", stormPort))
	if err != nil {
		t.Fatal(err)
	}
	for {
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		go serveWish(conn.(*net.TCPConn), name)
	}
}

func serveWish(conn *net.TCPConn, name string) {
	defer conn.Close()
	var w wish
	if binary.Read(conn, binary.BigEndian, &w) != nil {
		return
	}
	received := make(chan error, 1)
	go func() { received <- receiveStorm(conn, w.Seed+1, int64(w.Up)) }()
	down := int64(w.Down)
	if w.End == endEarly {
		down /= 2
	}
	_, err := io.Copy(conn, io.MultiReader(strings.NewReader(name), io.LimitReader(stormBytes(w.Seed), down)))
	switch w.End {
	case endByReset:
		_ = conn.SetLinger(0)
		return
	case endEarly:
		return
	case endLate:
		time.Sleep(50 * time.Millisecond)
	}
	if wrong := <-received; wrong != nil || err != nil {
		_ = conn.SetLinger(0) // the client sees no regular end
		return
	}
	_ = conn.CloseWrite()
	_, _ = io.Copy(io.Discard, conn)
}

func stormBytes(seed uint64) io.Reader {
	var key [32]byte
	binary.BigEndian.PutUint64(key[:], seed)
	return rand.NewChaCha8(key)
}

var errOtherBytes = errors.New("other bytes than those that were sent")

// receiveStorm receives n bytes of a stream. Fewer are an error too, but other ones are errOtherBytes.
func receiveStorm(from io.Reader, seed uint64, n int64) error {
	want, buf, expected := stormBytes(seed), make([]byte, 32<<10), make([]byte, 32<<10)
	for n > 0 {
		got, err := from.Read(buf[:min(int64(len(buf)), n)])
		_, _ = want.Read(expected[:got])
		if !bytes.Equal(buf[:got], expected[:got]) {
			return errOtherBytes
		}
		n -= int64(got)
		if err != nil && n > 0 {
			return err
		}
	}
	return nil
}

// TestStormForward makes a thousand connections to two containers, which end in every order, while the containers restart
// and clients are killed. No byte may be invented, no connection may reach the other container, and nothing may be left. Then
// nothing restarts, and of connections that end regularly no byte may be lost either.
func TestStormForward(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv(stormSeed); text != "" {
		seed, _ = strconv.ParseUint(text, 10, 64)
	}
	t.Logf("%s=%d", stormSeed, seed)
	self, c := testProgram(t), newCaller(t)
	names := []string{"A", "B"}
	var containers []string
	for _, name := range names {
		container := fmt.Sprintf("storm-%d-%d", os.Getpid(), serial.Add(1))
		out, err := tryContainer(t, container, "--init=false", "-v", self+":/server:ro", "-e", stormServer+"="+name, testImage, "/server", "-test.run=^TestStormServer$")
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		containers = append(containers, container)
	}
	call, addresses := c.startStormForward(t, containers)
	before := len(c.plugins(t))

	stop := make(chan struct{})
	var restarts, killed atomic.Int64
	var others sync.WaitGroup
	others.Go(func() {
		for i := 0; !isClosed(stop); i++ {
			_ = exec.Command("docker", "restart", "-t", "0", containers[i%len(containers)]).Run()
			restarts.Add(1)
			time.Sleep(time.Second)
		}
	})
	others.Go(func() { // clients of docker nsjoin connect
		for i := 0; !isClosed(stop); i++ {
			cmd := exec.Command("docker", "nsjoin", "connect", containers[i%len(containers)], strconv.Itoa(stormPort))
			cmd.Env = c.env
			in, _ := cmd.StdinPipe()
			if cmd.Start() != nil {
				continue
			}
			time.Sleep(time.Duration(i%10) * 30 * time.Millisecond)
			_ = cmd.Process.Kill()
			in.Close()
			_ = cmd.Wait()
			killed.Add(1)
		}
	})
	const clients, calmClients = 1000, 300
	met := stormClients(t, seed, clients, false, names, addresses)
	close(stop)
	others.Wait()
	t.Logf("%v, %d restarts, %d clients killed", met, restarts.Load(), killed.Load())
	if met["whole"] < 100 || restarts.Load() < 2 {
		t.Error("too little has happened")
	}
	eventually(t, "no connection is left", func() bool {
		out, err := c.docker("nsjoin", "forward", "ls", "--format", "{{.Open}}").Output()
		return err == nil && string(out) == "0\n0\n"
	})
	for i, address := range addresses { // both work again
		eventually(t, "container "+names[i]+" is reached", func() bool {
			return stormClient(address, names[i], wish{Seed: 1, Up: 10, Down: 10}, endRegularly) == "whole"
		})
	}
	t.Logf("then %v", stormClients(t, seed+1, calmClients, true, names, addresses))
	eventually(t, "the clients' processes have ended", func() bool { return len(c.plugins(t)) <= before })
	_ = call.Process.Signal(unix.SIGINT)
	_ = call.Wait()
	eventually(t, "nothing is left", func() bool {
		left, _ := filepath.Glob(filepath.Join(c.dir, "run", "docker-nsjoin", "forward.*"))
		return len(left) == 0
	})
}

// startStormForward forwards a free port to each container, and returns these ports' addresses.
func (c caller) startStormForward(t *testing.T, containers []string) (call *exec.Cmd, addresses []string) {
	t.Helper()
	args := []string{"nsjoin", "forward", "--wait"}
	for _, container := range containers {
		args = append(args, container, fmt.Sprintf("127.0.0.1:0:%d", stormPort))
	}
	call = exec.Command("docker", args...)
	call.Env = c.env
	out, err := call.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	call.Stderr = &testLog{t: t}
	if err := call.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = call.Process.Kill() })
	byTarget := make(map[string]string)
	lines := bufio.NewScanner(out)
	for len(byTarget) < len(containers) && lines.Scan() {
		address, target, _ := strings.Cut(lines.Text(), " -> ")
		byTarget[target] = address
	}
	go func() {
		for lines.Scan() { // they are ready again, on the same ports
		}
	}()
	for _, container := range containers {
		addresses = append(addresses, byTarget[fmt.Sprintf("%s:%d", container, stormPort)])
	}
	return call, addresses
}

// stormClients runs clients, and counts how they ended. If nothing restarts, it is calm: then all that end regularly are whole.
func stormClients(t *testing.T, seed uint64, clients int, calm bool, names, addresses []string) map[string]int {
	t.Helper()
	const atOnce = 50
	met := make(map[string]int)
	var mu sync.Mutex
	var group sync.WaitGroup
	places := make(chan struct{}, atOnce)
	for i := range clients {
		places <- struct{}{}
		group.Go(func() {
			defer func() { <-places }()
			random := rand.New(rand.NewPCG(seed, uint64(i)))
			sizes := []uint32{0, 1, 1000, 100_000, 2_000_000}
			w := wish{Seed: random.Uint64(), Up: sizes[random.IntN(len(sizes))], Down: sizes[random.IntN(len(sizes))], End: uint32(random.IntN(endings))}
			to := random.IntN(len(names))
			time.Sleep(time.Duration(random.IntN(300)) * time.Millisecond)
			end := random.IntN(endings)
			how := stormClient(addresses[to], names[to], w, end)
			for began := time.Now(); how == notConnected && time.Since(began) < endsWithin; how = stormClient(addresses[to], names[to], w, end) {
				time.Sleep(50 * time.Millisecond) // the container restarts
			}
			regular := !isAbrupt(int(w.End)) && !isAbrupt(end)
			if how == errOtherBytes.Error() || calm && regular && how != "whole" || strings.HasPrefix(how, "container ") {
				t.Errorf("client %d of %s, %+v: %s", i, names[to], w, how)
			}
			mu.Lock()
			met[how]++
			mu.Unlock()
		})
	}
	group.Wait()
	return met
}

// isAbrupt reports whether a side ends a connection before all has been sent.
func isAbrupt(end int) bool { return end == endByReset || end == endEarly }

const notConnected = "not connected"

// stormClient is one client. It returns "whole" if both directions ended as they should.
func stormClient(address, name string, w wish, end int) string {
	conn, err := net.DialTimeout("tcp", address, endsWithin)
	if err != nil {
		return notConnected
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(endsWithin))
	sent := make(chan error, 1)
	go func() {
		err := binary.Write(conn, binary.BigEndian, w)
		if err == nil {
			_, err = io.Copy(conn, io.LimitReader(stormBytes(w.Seed+1), int64(w.Up)))
		}
		if err == nil && end != endEarly {
			err = conn.(*net.TCPConn).CloseWrite()
		}
		sent <- err
	}()
	who := make([]byte, 1)
	if _, err := io.ReadFull(conn, who); err != nil {
		return "ended before its first byte"
	}
	if string(who) != name {
		return "container " + string(who) + " has answered"
	}
	down := int64(w.Down)
	switch end {
	case endByReset:
		_ = conn.(*net.TCPConn).SetLinger(0)
		fallthrough
	case endEarly:
		down /= 2
	case endLate:
		time.Sleep(20 * time.Millisecond)
	}
	err = receiveStorm(conn, w.Seed, down)
	switch {
	case errors.Is(err, errOtherBytes):
		return err.Error()
	case err != nil:
		return "broken"
	case end == endByReset || end == endEarly:
		return "ended by the client"
	case <-sent != nil:
		return "broken"
	}
	if n, err := conn.Read(who); n > 0 {
		return errOtherBytes.Error() // more than were sent
	} else if !errors.Is(err, io.EOF) {
		return "broken"
	}
	return "whole"
}

// plugins returns the processes of the plugin that this caller has started.
func (c caller) plugins(t *testing.T) (list []string) {
	t.Helper()
	found, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	for _, environ := range found {
		text, _ := os.ReadFile(environ)
		comm, _ := os.ReadFile(filepath.Join(filepath.Dir(environ), "comm"))
		if bytes.Contains(text, []byte("XDG_RUNTIME_DIR="+c.dir)) && string(comm) == "docker-nsjoin\n" {
			list = append(list, environ)
		}
	}
	return list
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// testLog writes to the test's log.
type testLog struct{ t *testing.T }

func (l *testLog) Write(text []byte) (int, error) {
	l.t.Logf("%s", bytes.TrimSpace(text))
	return len(text), nil
}
