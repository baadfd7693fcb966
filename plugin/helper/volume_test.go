//go:build linux

package main_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
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

	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
)

// volumeArena is a directory that is a volume, a process that it is mounted in, and the first process of a container that holds it.
type volumeArena struct {
	t       *testing.T
	dir     string
	process *exec.Cmd // a shell in a mount namespace of its own
	in      io.Writer
	out     *bufio.Reader
	holder  *exec.Cmd
	client  io.WriteCloser // the holder's standard input
	answer  io.Reader
	ended   chan error
}

func newVolumeArena(t *testing.T) *volumeArena {
	t.Helper()
	a := &volumeArena{t: t, dir: t.TempDir(), ended: make(chan error, 1)}
	for _, name := range []string{"volume", "at", "inner", "event", "root/proc", "root/docker-nsjoin-volume"} {
		if err := os.MkdirAll(filepath.Join(a.dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	helper, err := os.ReadFile("../../pkg/payload/helpers/linux_" + runtime.GOARCH)
	if err == nil {
		err = os.WriteFile(a.dir+"/root/helper", helper, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	a.process = exec.Command("unshare", "--mount", "--propagation", "private", "sh")
	in, errIn := a.process.StdinPipe()
	out, errOut := a.process.StdoutPipe()
	if err := errors.Join(errIn, errOut, a.process.Start()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.endProcess)
	a.in, a.out = in, bufio.NewReader(out)
	a.does("cd " + a.dir)
	return a
}

func (a *volumeArena) endProcess() { _ = a.process.Process.Kill(); _ = a.process.Wait() }

// does has the process run a command, which must succeed.
func (a *volumeArena) does(command string) {
	a.t.Helper()
	_, err := fmt.Fprintf(a.in, "%s && echo done\n", command)
	if line, errRead := a.out.ReadString('\n'); err != nil || line != "done\n" {
		a.t.Fatalf("%s: %v, %v: %q", command, err, errRead, line)
	}
}

// holds starts the container's first process, for a process number, and waits until it reads what the client says.
func (a *volumeArena) holds(pid int) {
	a.t.Helper()
	script := `cd "$1" && mount --bind volume root/docker-nsjoin-volume && mount --rbind /proc root/proc && exec chroot root /helper volume "$2"`
	a.holder = exec.Command("unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", a.dir, strconv.Itoa(pid))
	client, errIn := a.holder.StdinPipe()
	answer, errOut := a.holder.StdoutPipe()
	a.holder.Stderr = os.Stderr
	if err := errors.Join(errIn, errOut, a.holder.Start()); err != nil {
		a.t.Fatal(err)
	}
	a.client, a.answer = client, answer
	a.t.Cleanup(func() {
		_ = a.holder.Process.Kill()
		for range a.ended { //nolint:revive // until it has ended
		}
	})
	go func() { err := a.holder.Wait(); a.ended <- err; close(a.ended) }()
	a.eventually("it reads its standard input", func() bool {
		threads, _ := filepath.Glob(a.proc("task/*/syscall"))
		program, _ := os.Readlink(a.proc("exe"))
		return strings.HasSuffix(program, "/helper") && slices.ContainsFunc(threads, func(name string) bool {
			call, _ := os.ReadFile(name)
			return strings.HasPrefix(string(call), fmt.Sprintf("%d 0x0 ", unix.SYS_READ)) || pid == 0 && strings.HasPrefix(string(call), fmt.Sprintf("%d ", unix.SYS_PPOLL))
		})
	})
}

func (a *volumeArena) proc(name string) string {
	return filepath.Join("/proc", strconv.Itoa(a.holder.Process.Pid), name)
}

func (a *volumeArena) eventually(what string, holds func() bool) {
	a.t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			a.t.Fatalf("not after a minute: %s", what)
		}
	}
}

// mounts mounts the volume in the process, and returns the mount's number.
func (a *volumeArena) mounts() int {
	a.t.Helper()
	a.does("mount --bind volume at")
	lines := linesWith(a.t, a.process.Process.Pid, " "+a.dir+"/at ")
	id, err := strconv.Atoi(strings.Fields(lines[0])[0])
	if err != nil {
		a.t.Fatal(err)
	}
	return id
}

// confirms says which mount counts.
func (a *volumeArena) confirms(id int) {
	a.t.Helper()
	fmt.Fprintln(a.client, id)
	text := make([]byte, 5)
	if _, err := io.ReadFull(a.answer, text); err != nil || string(text) != "held\n" {
		a.t.Fatalf("%v: %q", err, text)
	}
}

// look changes mounts, and waits until the holder has looked at them.
func (a *volumeArena) look(change func(string)) {
	a.t.Helper()
	read := func() string {
		text, err := os.ReadFile(a.proc("io"))
		if err != nil {
			a.t.Fatal("it has ended")
		}
		line, _, _ := strings.Cut(string(text), "\n") // rchar
		return line
	}
	before := read()
	change("mount -t tmpfs event event && umount event")
	a.eventually("it looks at the mounts", func() bool { return read() != before })
}

// stays has the holder look twice: it looks the second time only if it has not ended after the first.
func (a *volumeArena) stays() {
	a.t.Helper()
	a.look(a.does)
	a.look(a.does)
}

// becomes replaces the process by another shell, by a command that executes it.
func (a *volumeArena) becomes(command string) {
	a.t.Helper()
	a.does("exec " + command + " sh -c 'cd " + a.dir + " && echo done && exec sh'") // a shell reads ahead what comes in time
}

// ends waits for the end of the holder.
func (a *volumeArena) ends() {
	a.t.Helper()
	select {
	case err := <-a.ended:
		if err != nil {
			a.t.Error(err)
		}
	case <-time.After(time.Minute):
		a.t.Error("it has not ended within a minute")
	}
}

// leaderlessVariable makes the test program end its main thread. Another one runs the command in the variable, and then those
// that it reads.
const leaderlessVariable = "NSJOIN_TEST_HELPER_LEADERLESS"

// Package initialization runs on the main thread.
var _ = leaveMainThread()

func leaveMainThread() error {
	first := os.Getenv(leaderlessVariable)
	if first == "" {
		return nil
	}
	go func() {
		for st, err := procfs.ReadStat(os.Getpid()); err == nil && !st.MainEnded(); st, err = procfs.ReadStat(os.Getpid()) {
			time.Sleep(time.Millisecond)
		}
		run := func(command string) {
			cmd := exec.Command("sh", "-c", command)
			cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
			_ = cmd.Run() // its output counts
		}
		run(first + " && echo done")
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			run(lines.Text())
		}
		os.Exit(0)
	}()
	runtime.LockOSThread()
	_, _, errno := unix.Syscall(unix.SYS_EXIT, 0, 0, 0) // ends only this thread
	return errno
}

// A volume is held as long as it is mounted, whatever becomes of the client, and whatever the process hides from itself.
func TestVolumeIsHeld(t *testing.T) {
	for name, run := range map[string]func(*volumeArena){
		"confirmed": func(a *volumeArena) {
			a.holds(a.process.Process.Pid)
			a.confirms(a.mounts())
			a.client.Close()
			a.stays()
			a.does("umount at")
			a.ends()
		},
		"the client is killed": func(a *volumeArena) {
			a.holds(a.process.Process.Pid)
			a.mounts()
			a.client.Close()
			a.stays()
			a.does("umount at")
			a.ends()
		},
		"chroot": func(a *volumeArena) {
			a.holds(a.process.Process.Pid)
			a.confirms(a.mounts())
			a.does("mount --rbind / inner")
			a.becomes("chroot inner")
			a.stays()
			a.endProcess()
			a.ends()
		},
		"mounts of its own": func(a *volumeArena) {
			a.holds(a.process.Process.Pid)
			a.confirms(a.mounts())
			before, err := os.Open(fmt.Sprintf("/proc/%d/ns/mnt", a.process.Process.Pid))
			if err != nil {
				a.t.Fatal(err)
			}
			defer before.Close()
			a.becomes("unshare --mount")
			a.look(func(command string) { // where the holder has looked so far
				cmd := exec.Command("nsenter", "--mount=/proc/self/fd/3", "sh", "-c", "cd "+a.dir+" && "+command)
				cmd.ExtraFiles = []*os.File{before}
				if out, err := cmd.CombinedOutput(); err != nil {
					a.t.Fatalf("%v: %s", err, out)
				}
			})
			a.look(a.does)
			a.endProcess()
			a.ends()
		},
		// Before, that was taken for the container's end.
		"the main thread has ended": func(a *volumeArena) {
			a.holds(a.process.Process.Pid)
			a.confirms(a.mounts())
			program, err := os.Executable()
			if err != nil {
				a.t.Fatal(err)
			}
			a.look(func(command string) { a.does("exec env " + leaderlessVariable + "='" + command + "' " + program) })
			a.stays()
			a.does("umount at")
			a.ends()
		},
		"as long as the client": func(a *volumeArena) {
			a.holds(0)
			a.client.Close()
			a.ends()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(newVolumeArena(t))
		})
	}
}
