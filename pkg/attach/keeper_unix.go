//go:build unix

package attach

import (
	"encoding/json"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// startKeeper starts a second process of the plugin, which restores the caller's terminal if this
// process is killed while the terminal is raw. The keeper is in a session of its own, where no key and
// no signal to a group ends it. stop ends it; call it once the terminal is restored.
//
// If the keeper cannot be started, the call goes on: docker exec has no keeper either.
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
	cmd := exec.Command(self, KeeperArg)
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

// KeepTerminal is the keeper's main function. It reads the terminal's settings from a pipe, and then the
// message that they are restored. If the pipe ends without that, the plugin was killed.
func KeepTerminal() error {
	pipe := json.NewDecoder(os.NewFile(3, "pipe from the plugin"))
	var before unix.Termios
	var restored bool
	if pipe.Decode(&before) != nil || pipe.Decode(&restored) == nil {
		return nil
	}
	return unix.IoctlSetTermios(0, setTermios, &before)
}
