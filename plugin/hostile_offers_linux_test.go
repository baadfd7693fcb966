package main

import (
	"os/exec"
	"strings"
	"testing"
)

// The shell is offered no word of a container's that it would evaluate. If two offers begin alike, bash types the
// beginning unquoted, and evaluates it when the key is pressed again.
func TestHostileSocketIsNotOffered(t *testing.T) {
	engineOfTest(t)
	c := newCaller(t)
	self := testProgram(t)
	container := runContainer(t, "-v", self+":/intruder:ro", testImage, "sleep", "600")
	for _, path := range []string{"/tmp/$(id)a", "/tmp/`id`", "/tmp/a;b", "/tmp/plain"} {
		cmd := exec.Command("docker", "exec", "-e", serveVariable+"="+path, container, "/intruder", "-test.run=^TestHostileServer$")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
		eventually(t, "the server listens", func() bool { return exec.Command("docker", "exec", container, "test", "-S", path).Run() == nil })
	}
	var offers string
	eventually(t, "the plain socket is offered", func() bool {
		out, err := c.docker("__complete", "nsjoin", "connect", container, "").Output()
		offers = string(out)
		return err == nil && strings.Contains(offers, "/tmp/plain\t")
	})
	if strings.ContainsAny(offers, "$`;") {
		t.Errorf("offers are\n%s", offers)
	}
}
