//go:build linux

package main

import (
	"io"
	"net"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestForwardsAfterEngineRestart restarts an engine whose containers go on (--live-restore). So do a forward on its host and its
// connections; one through the engine is reached again. Both then follow the container across its own restart.
func TestForwardsAfterEngineRestart(t *testing.T) {
	if !strings.HasSuffix(os.Getenv("NSJOIN_TEST_ENGINE"), "restore") {
		t.Fatal("this test restarts its engine: scripts/engine run restore")
	}
	c := newCaller(t)
	web := runContainer(t, testImage, "sh", "-c", "mkdir -p /w; echo hello >/w/index.html; nc -ll -p 7 -e cat & exec httpd -f -p 80 -h /w")
	address := regexp.MustCompile(`127\.0\.0\.1:\d+`)
	forward := func(via, port string) string {
		t.Helper()
		out := c.nsjoin(t, 0, "forward", "-d", "--wait", "--via", via, web, "0:"+port)
		at := address.FindString(out)
		if at == "" {
			t.Fatal(out)
		}
		return at
	}
	serves := func(at string) bool {
		conn, err := net.Dial("tcp", at)
		if err != nil {
			return false
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(time.Minute))
		_, _ = io.WriteString(conn, "GET / HTTP/1.0\r\n\r\n")
		page, err := io.ReadAll(conn)
		return err == nil && strings.HasSuffix(string(page), "hello\n")
	}
	t.Cleanup(func() { c.nsjoin(t, 0, "forward", "rm", "--all") })
	here, through, echo := forward("local", "80"), forward("engine", "80"), forward("local", "7")
	open, err := net.Dial("tcp", echo)
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	_ = open.SetDeadline(time.Now().Add(5 * time.Minute))
	says := func() {
		t.Helper()
		if _, err := io.WriteString(open, "text"); err != nil {
			t.Fatal(err)
		}
		if text, err := io.ReadAll(io.LimitReader(open, 4)); string(text) != "text" {
			t.Fatalf("%q, %v", text, err)
		}
	}
	says()
	restartEngine(t)
	says()
	if !serves(here) {
		t.Error("the forward on the engine's host does not serve")
	}
	eventually(t, "the forward through the engine is reached again", func() bool { return serves(through) })
	docker(t, "restart", "-t", "0", web)
	for _, at := range []string{here, through} {
		eventually(t, at+" serves the restarted container", func() bool { return serves(at) })
	}
	if out := c.nsjoin(t, 0, "forward", "ls", "-q"); len(strings.Fields(out)) != 3 {
		t.Errorf("forwards: %s", out)
	}
}
