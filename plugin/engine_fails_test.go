//go:build linux

package main

import (
	"bytes"
	"fmt"
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

// An engine that fails can't be had from a real one; here is a socket that answers
// as one would, and the plugin as the Docker CLI starts it.

// brokenEngine answers the first question of every connection by writing text, and
// hangs up; where text is "…" it keeps silent.
type brokenEngine struct {
	host  string       // DOCKER_HOST
	asked atomic.Int32 // questions that came
}

const silence = "…"

func newBrokenEngine(t *testing.T, text string) *brokenEngine {
	t.Helper()
	dir, err := os.MkdirTemp("", "nsjoin") //nolint:usetesting // its own is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "engine.sock")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	e := &brokenEngine{host: "unix://" + socket}
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
	_, _ = c.Write([]byte(strings.TrimSuffix(text, silence)))
	if strings.HasSuffix(text, silence) {
		_, _ = c.Read(question) // until it is given up
	}
}

// response is a whole answer of an engine.
func response(status int, body string) string {
	return fmt.Sprintf("HTTP/1.1 %d %s\r\nApi-Version: 1.41\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		status, http.StatusText(status), len(body), body)
}

// plugin is the built plugin, started as the Docker CLI does it, for an engine.
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

func TestEngineThatFails(t *testing.T) {
	const (
		chunked = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
		meant   = "hint: docker context ls shows which engine is meant\n"
	)
	for _, row := range []struct{ name, text, want string }{
		{"it hangs up at the question", "", "it hung up without an answer\n" + meant},
		{"half a header", "HTTP/1.1 200 OK\r\nContent-", "net/http: HTTP/1.x transport connection broken: malformed MIME header: missing colon: \"Content-\"\n" + meant},
		{"half an answer", chunked + "20\r\n{\"Id\":\"", "its answer was cut off\n" + meant},
		{"another protocol", "SSH-2.0-OpenSSH_9.2\r\n", "malformed HTTP response \"SSH-2.0-OpenSSH_9.2\". * Are you trying to connect to a TLS-enabled daemon without TLS?\n" + meant},
		{"garbage", "\x00\x1b[2J\xff\n", `malformed HTTP response "\x00\x1b[2J\xff". * Are you trying to connect to a TLS-enabled daemon without TLS?` + "\n" + meant},
		{"another server", response(http.StatusOK, "<html>"), "what answers is no Docker engine: invalid character '<' looking for beginning of value\n" + meant},
		{"it leads elsewhere", "HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", "its answer is empty\n" + meant},
		{"an error", response(http.StatusInternalServerError, `{"message":"database\nis locked"}`), "database is locked\n"},
		{"an error without a word", response(http.StatusInternalServerError, `{}`), "API returned a 500 (Internal Server Error) but provided no error-message\n"},
		{"it shuts down", response(http.StatusServiceUnavailable, `{"message":"shutting down"}`), "shutting down\n"},
		{"it doesn't know our version of its API", response(http.StatusBadRequest, `{"message":"client version 1.41 is too new"}`), "client version 1.41 is too new\n"},
	} {
		for _, args := range [][]string{{"web", "true"}, {"--via", "engine", "web", "true"}, {"ls"}} {
			t.Run(row.name+": "+strings.Join(args, " "), func(t *testing.T) {
				e := newBrokenEngine(t, row.text)
				becomeReaper(t)
				cmd := e.plugin(t, args...)
				out, errs := output(t, cmd)
				if status := cmd.ProcessState.ExitCode(); status != 125 || out != "" {
					t.Errorf("exit status %d, it prints %q", status, out)
				}
				if !strings.HasPrefix(errs, "docker nsjoin: ") || !strings.HasSuffix(errs, row.want) || strings.Count(errs, "\n") != strings.Count(row.want, "\n") {
					t.Errorf("it says %q\nwant at the end %q", errs, row.want)
				}
				nothingLeft(t, cmd)
			})
		}
	}
}

// Who waits for an engine that keeps silent waits as long as he wants to.
func TestInterruptedWhileTheEngineKeepsSilent(t *testing.T) {
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
					t.Errorf("exit status %d, not that of SIGINT; it says %q", status, errs.bytes())
				}
				nothingLeft(t, cmd)
			})
		}
	}
}

// Without a terminal the Docker CLI tells its plugins of SIGINT and SIGTERM by
// closing a socket.
func TestToldToEndWhileTheEngineKeepsSilent(t *testing.T) {
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
				t.Errorf("exit status %d, it says %q\nwant %q", status, &errs, row.want)
			}
			nothingLeft(t, cmd)
		})
	}
}

// output runs a command that must end by itself.
func output(t *testing.T, cmd *exec.Cmd) (stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended(t, cmd)
	return out.String(), errs.String()
}

// nothingLeft fails where a plugin that has ended left a process of its own, whose
// parent this one became, or a file in its directory. Others are ours, which stay.
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
	if err != nil || len(entries) > 0 {
		t.Errorf("left in its directory: %v, %v", entries, err)
	}
}
