//go:build linux

package main

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

// A real engine does not fail on demand. These tests run the plugin, as the Docker CLI starts
// it, against a socket that answers as a failing engine would.

// brokenEngine answers the first request of every connection by writing text, and closes
// the connection. If text ends with "…" it leaves the connection open instead.
type brokenEngine struct {
	host  string       // DOCKER_HOST
	asked atomic.Int32 // requests received
}

const silence = "…"

func newBrokenEngine(t *testing.T, text string) *brokenEngine {
	t.Helper()
	dir, err := os.MkdirTemp("", "nsjoin") //nolint:usetesting // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "engine.sock")
	return newBrokenEngineAt(t, "unix", socket, text)
}

// newBrokenEngineAt is newBrokenEngine at an address. One of network tcp is not taken for an engine of this machine.
func newBrokenEngineAt(t *testing.T, network, address, text string) *brokenEngine {
	t.Helper()
	listener, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	e := &brokenEngine{host: network + "://" + listener.Addr().String()}
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go e.answer(c, text)
		}
	}()
	return e
}

func (e *brokenEngine) answer(c net.Conn, text string) {
	defer c.Close()
	question := make([]byte, 64<<10)
	if n, _ := c.Read(question); n == 0 {
		return
	}
	e.asked.Add(1)
	said := strings.TrimSuffix(text, silence)
	if header, _, ok := strings.Cut(said, "\r\n\r\n"); ok && bytes.HasPrefix(question, []byte("HEAD ")) {
		said = header + "\r\n\r\n" // the answer has no body
	}
	_, _ = c.Write([]byte(said))
	if strings.HasSuffix(text, silence) {
		_, _ = io.Copy(io.Discard, c) // until the client closes the connection
	}
}

// response returns a complete HTTP response as text.
func response(status int, body string) string {
	return fmt.Sprintf("HTTP/1.1 %d %s\r\nApi-Version: 1.41\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		status, http.StatusText(status), len(body), body)
}

// plugin returns the command of the built plugin, as the Docker CLI starts it for this engine.
func (e *brokenEngine) plugin(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	plugin, err := filepath.Abs("../build/docker-nsjoin")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(plugin); err != nil {
		t.Fatalf("make build makes the plugin: %v", err)
	}
	dir := t.TempDir()
	cmd := exec.Command(plugin, append([]string{"nsjoin"}, args...)...)
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "DOCKER_CONFIG=" + dir, "TMPDIR=" + dir, "DOCKER_HOST=" + e.host,
		"XDG_RUNTIME_DIR=" + runtimeDir(t, t.TempDir()),
	}
	cmd.Dir = dir
	return cmd
}

func TestFailingEngine(t *testing.T) {
	const (
		chunked = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
		meant   = "hint: docker context ls shows which engine is used\n"
	)
	for _, row := range []struct{ name, text, want string }{
		{"closes the connection", "", "the engine closed the connection without an answer\n" + meant},
		{"half a header", "HTTP/1.1 200 OK\r\nContent-", "net/http: HTTP/1.x transport connection broken: malformed MIME header: missing colon: \"Content-\"\n" + meant},
		{"half an answer", chunked + "20\r\n{\"Id\":\"", "the engine's answer is incomplete\n" + meant},
		{"another protocol", "SSH-2.0-OpenSSH_9.2\r\n", "malformed HTTP response \"SSH-2.0-OpenSSH_9.2\". * Are you trying to connect to a TLS-enabled daemon without TLS?\n" + meant},
		{"garbage", "\x00\x1b[2J\xff\n", `malformed HTTP response "\x00\x1b[2J\xff". * Are you trying to connect to a TLS-enabled daemon without TLS?` + "\n" + meant},
		{"another server", response(http.StatusOK, "<html>"), "the answer is not a Docker engine's: invalid character '<' looking for beginning of value\n" + meant},
		{"redirects", "HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", "the engine's answer is empty\n" + meant},
		{"an error", response(http.StatusInternalServerError, `{"message":"database\nis locked"}`), "database is locked\n"},
		{"an error without a message", response(http.StatusInternalServerError, `{}`), "API returned a 500 (Internal Server Error) but provided no error-message\n"},
		{"shuts down", response(http.StatusServiceUnavailable, `{"message":"shutting down"}`), "shutting down\n"},
		{"does not know our API version", response(http.StatusBadRequest, `{"message":"client version 1.41 is too new"}`), "client version 1.41 is too new\n"},
	} {
		for _, args := range [][]string{{"web", "true"}, {"--via", "engine", "web", "true"}, {"ls"}} {
			t.Run(row.name+": "+strings.Join(args, " "), func(t *testing.T) {
				e := newBrokenEngine(t, row.text)
				becomeReaper(t)
				cmd := e.plugin(t, args...)
				out, errs := output(t, cmd)
				if status := cmd.ProcessState.ExitCode(); status != 125 || out != "" {
					t.Errorf("exit status %d, stdout %q", status, out)
				}
				if !strings.HasPrefix(errs, "docker nsjoin: ") || !strings.HasSuffix(errs, row.want) || strings.Count(errs, "\n") != strings.Count(row.want, "\n") {
					t.Errorf("stderr %q\nwant it to end with %q", errs, row.want)
				}
				nothingLeft(t, cmd)
			})
		}
	}
}

// A call waits for an engine that does not answer until the user interrupts it.
func TestInterruptWhileTheEngineIsSilent(t *testing.T) {
	for _, text := range []string{silence, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"Id\":" + silence} {
		for _, args := range [][]string{{"web", "true"}, {"--via", "engine", "web", "true"}, {"ls"}} {
			t.Run(fmt.Sprintf("%.8q %s", text, strings.Join(args, " ")), func(t *testing.T) {
				e := newBrokenEngine(t, text)
				becomeReaper(t)
				cmd := e.plugin(t, args...)
				errs := &safeBytes{}
				cmd.Stderr = errs
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				eventually(t, "the engine was asked", func() bool { return e.asked.Load() > 0 })
				if err := cmd.Process.Signal(unix.SIGINT); err != nil {
					t.Fatal(err)
				}
				if status := ended(t, cmd); status != 130 {
					t.Errorf("exit status %d, want that of SIGINT; stderr %q", status, errs.bytes())
				}
				nothingLeft(t, cmd)
			})
		}
	}
}

// Without a terminal, the Docker CLI tells its plugins to end on SIGINT and SIGTERM by
// closing a socket.
func TestCLIClosesItsSocketWhileTheEngineIsSilent(t *testing.T) {
	for _, row := range []struct{ args, want string }{
		{"web true", "docker nsjoin: ask the engine for container \"web\": interrupted\n"},
		{"ls", "docker nsjoin: ask the engine for its containers: interrupted\n"},
	} {
		t.Run(row.args, func(t *testing.T) {
			e := newBrokenEngine(t, silence)
			address := fmt.Sprintf("@docker_cli_%d", unix.Getpid())
			cli, err := net.Listen("unix", address)
			if err != nil {
				t.Fatal(err)
			}
			defer cli.Close()
			becomeReaper(t)
			cmd := e.plugin(t, strings.Fields(row.args)...)
			cmd.Env = append(cmd.Env, "DOCKER_CLI_PLUGIN_SOCKET="+address)
			var errs bytes.Buffer
			cmd.Stderr = &errs
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			told, err := cli.Accept()
			if err != nil {
				t.Fatal(err)
			}
			eventually(t, "the engine was asked", func() bool { return e.asked.Load() > 0 })
			told.Close()
			if status := ended(t, cmd); status != 125 || errs.String() != row.want {
				t.Errorf("exit status %d, stderr %q\nwant %q", status, &errs, row.want)
			}
			nothingLeft(t, cmd)
		})
	}
}

// nothingLeft fails if a plugin that has ended left a process, which this process adopted
// (see becomeReaper), or a file in its directory. others are PIDs of the test's own children.
func nothingLeft(t *testing.T, cmd *exec.Cmd, others ...int) {
	t.Helper()
	var left []process
	eventually(t, "all its processes have ended", func() bool {
		left = slices.DeleteFunc(descendants(os.Getpid()), func(p process) bool {
			return slices.Contains(others, p.pid) || slices.Contains(others, p.parent)
		})
		for _, p := range left {
			if p.parent == os.Getpid() && p.state == "Z" {
				_, _ = unix.Wait4(p.pid, nil, unix.WNOHANG|unix.WALL, nil)
			}
		}
		return len(left) == 0
	})
	entries, err := os.ReadDir(cmd.Dir)
	entries = slices.DeleteFunc(entries, func(e fs.DirEntry) bool { // the image stays, and so does its record
		records, err := filepath.Glob(filepath.Join(cmd.Dir, e.Name(), "image.*"))
		all, failed := os.ReadDir(filepath.Join(cmd.Dir, e.Name()))
		return e.Name() == "docker-nsjoin" && err == nil && failed == nil && len(records) == len(all)
	})
	if err != nil || len(entries) > 0 {
		t.Errorf("files left in its directory: %v, %v", entries, err)
	}
}

// A container whose name is that of a command is hidden by it: a line says how to reach it. An engine on another machine is
// asked only when the command has failed.
func TestNameOfCommand(t *testing.T) {
	for word, args := range map[string][]string{
		"each": {"--all", "--", "true"}, "debug": {"web"}, "forward": {"web", "80"}, "connect": {"web", "80"}, "entrypoint": {"web"},
		"mount": {"web"}, "umount": {"web", "/x"},
	} {
		warning := fmt.Sprintf("docker nsjoin: warning: a container is named %[1]s, like this command: docker nsjoin container:%[1]s reaches it\n", word)
		for _, name := range []string{word, "web"} {
			answer := response(http.StatusOK, `{"Id": "0", "Name": "/`+name+`"}`)
			for _, e := range []*brokenEngine{newBrokenEngine(t, answer), newBrokenEngineAt(t, "tcp", "127.0.0.1:0", answer)} {
				_, errs := output(t, e.plugin(t, append([]string{word}, args...)...))
				if strings.HasPrefix(errs, warning) != (name == word) {
					t.Errorf("%s, and a container %s of %s: %q", word, name, e.host, errs)
				}
			}
		}
	}
}
