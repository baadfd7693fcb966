package main

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
)

// TestLinkEach loses the network to an engine while commands run there: the connections are reset, or nothing passes any
// more. The call ends and names the containers, and the commands and their helper's container end.
func TestLinkEach(t *testing.T) {
	for name, row := range map[string]struct {
		lose func(*lossy)
		why  string
	}{
		"reset":  {(*lossy).cut, "connection to the helper lost"},
		"silent": {(*lossy).freeze, "the engine does not answer"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCaller(t)
			t.Parallel()
			one, two := c.container(t), c.container(t)
			over := c
			l := newLossy(t, over.env)
			over.env = append(slices.Clip(over.env), "DOCKER_HOST=tcp://"+l.listener.Addr().String())
			cmd := over.docker("nsjoin", "each", "--via", "engine", one, two, "--", "sh", "-c", "echo ready; sleep 600; sleep 600")
			var errs bytes.Buffer
			cmd.Stderr = &errs
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewReader(out)
			for range 2 {
				if line, err := lines.ReadString('\n'); err != nil || !strings.HasSuffix(line, "| ready\n") {
					t.Fatalf("%q, %v, %s", line, err, &errs)
				}
			}
			row.lose(l)
			_, _ = io.Copy(io.Discard, lines)
			_ = cmd.Wait()
			said := errs.String()
			if status := cmd.ProcessState.ExitCode(); status != 125 || !strings.Contains(said, "2 of 2 failed") || !strings.Contains(said, row.why) ||
				!strings.Contains(said, one) || !strings.Contains(said, two) {
				t.Errorf("status %d, %s", status, said)
			}
			noHelperIsLeft(t, c, one)
			noHelperIsLeft(t, c, two)
		})
	}
}

// lossy passes connections on to an engine's socket until the network is lost.
type lossy struct {
	listener net.Listener

	mu     sync.Mutex
	ends   []net.Conn
	frozen bool
}

func newLossy(t *testing.T, env []string) *lossy {
	t.Helper()
	socket := ""
	for _, setting := range env {
		if path, ok := strings.CutPrefix(setting, "DOCKER_HOST=unix://"); ok {
			socket = path
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &lossy{listener: listener}
	t.Cleanup(l.cut)
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			engine, err := net.Dial("unix", socket)
			if err != nil {
				client.Close()
				continue
			}
			l.mu.Lock()
			l.ends = append(l.ends, client, engine)
			l.mu.Unlock()
			go l.pass(engine, client)
			go l.pass(client, engine)
		}
	}()
	return l
}

// pass copies data. Once the network is lost, neither data nor ends pass.
func (l *lossy) pass(to, from net.Conn) {
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		l.mu.Lock()
		frozen := l.frozen
		l.mu.Unlock()
		if frozen {
			return
		}
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			_ = to.(interface{ CloseWrite() error }).CloseWrite()
			return
		}
	}
}

func (l *lossy) freeze() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.frozen = true
}

// cut closes all connections, and takes no more.
func (l *lossy) cut() {
	l.listener.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, end := range l.ends {
		end.Close()
	}
}
