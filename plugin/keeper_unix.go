//go:build unix

package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// startKeeper starts a second process of the plugin's, for one case only: that this one is killed
// while the caller's terminal is raw. Then it gives the terminal back. It is in a session of its own,
// where no key and no signal to a group ends it. stop ends it, once the terminal is given back.
//
// Without one, a call goes on: it lacks what docker exec lacks, too.
func startKeeper(terminal *os.File) (stop func()) {
	stop = func() {}
	before, err := unix.IoctlGetTermios(int(terminal.Fd()), getTermios)
	if err != nil {
		return stop
	}
	self, err := os.Executable()
	if err != nil {
		return stop
	}
	theirs, ours, err := os.Pipe()
	if err != nil {
		return stop
	}
	defer theirs.Close()
	cmd := exec.Command(self, keeperArg)
	cmd.Dir = "/"
	cmd.Stdin, cmd.ExtraFiles = terminal, []*os.File{theirs}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		ours.Close()
		return stop
	}
	say := json.NewEncoder(ours)
	_ = say.Encode(before)
	return func() {
		_ = say.Encode(true)
		ours.Close()
		_ = cmd.Wait()
	}
}

// keepTerminal is the keeper: it reads how the terminal was, and then whether it is that again. The
// pipe's end without that word is its plugin's.
func keepTerminal() error {
	orders := json.NewDecoder(os.NewFile(3, "orders"))
	var before unix.Termios
	var restored bool
	if orders.Decode(&before) != nil || orders.Decode(&restored) == nil {
		return nil
	}
	return unix.IoctlSetTermios(0, setTermios, &before)
}
