//go:build linux

package main

import (
	"os/exec"
	"testing"
)

// At a terminal docker nsjoin debug is a shell whose prompt names the container, with an editor for its lines, a
// history in memory, completion, and jobs that ^Z stops and fg continues.
func TestTerminalDebug(t *testing.T) {
	t.Parallel()
	c := newCaller(t)
	web := c.container(t)
	for name, docker := range map[string][]string{
		"of the container's rights": {"nsjoin", "debug", web},
		"with more rights":          {"nsjoin", "debug", "--profile", "trace", web},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command("docker", docker...)
			cmd.Env, cmd.Dir = c.env, c.dir
			y := at(t, cmd)
			prompt := web + ":/ # "
			y.shows(prompt)
			y.types("echo o''ne\r")
			y.shows("one\r\n", prompt)
			y.types("\x1b[A") // the line before
			y.shows("echo o''ne")
			y.types("\r")
			y.shows("one\r\n", prompt)
			y.types("echo /.nsj\t")
			y.shows("/.nsjoin/")
			y.types("\x03")
			y.shows(prompt)
			y.types("sleep 600\r")
			awaitStates(t, web, "SS") // the shell's and the tool's
			y.types("\x03")
			y.shows(prompt)
			y.types("sleep 600\r")
			awaitStates(t, web, "SS")
			y.types("\x1a")
			y.shows("Stopped", "sleep 600\r\n", prompt)
			y.types("fg\r")
			y.shows("sleep 600\r\n")
			awaitStates(t, web, "SS")
			y.types("\x03")
			y.shows(prompt)
			y.types("tty; stty size\r")
			y.shows("/dev/pts/", prompt)
			y.types("exit 3\r")
			if status := y.ends(); status != 3 {
				t.Errorf("exit status %d", status)
			}
			nothingIsLeft(t, web)
		})
	}
}

// Ctrl-C ends a call that waits for a start, and its status is that of a command which the signal has ended.
func TestTerminalDebugWaits(t *testing.T) {
	t.Parallel()
	c := newCaller(t)
	web := c.container(t)
	docker(t, "kill", web)
	cmd := exec.Command("docker", "nsjoin", "debug", "--wait", web)
	cmd.Env, cmd.Dir = c.env, c.dir
	y := at(t, cmd)
	y.shows("waiting for the start of " + web)
	y.types("\x03")
	y.shows("docker nsjoin: wait for " + web + ": interrupted")
	if status := y.ends(); status != 130 {
		t.Errorf("exit status %d", status)
	}
}
