package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// attackVariable turns the test program into the attacker, the first process of a
// container, with root's rights there: see TestAttacker.
const attackVariable = "NSJOIN_TEST_ATTACK"

// holdVariable makes the attacker stop each of our processes and never resume it.
const holdVariable = "NSJOIN_TEST_HOLD"

// leased is a program in the container of an attacker that holds our processes. It has a lease on that, fcntl(2), so that the
// kernel makes a process wait that executes it. The attacker is never too late to stop our process.
const leased = "/leased/program"

// sighting is what the attacker got from a process of ours that it stopped before the
// process executed the command.
type sighting struct {
	Exe, Cwd string
	FDs      map[string]string // the targets of its descriptors
	Opened   []string          // the FDs that could be reopened for writing
	Written  bool              // the program was written to
	Traced   bool
	Secret   bool // the secret was in its memory
	Environ  string
}

// later replaces Exe if the program was written to after its process had ended.
const later = "later"

// held replaces Exe if the process was stopped and not resumed.
const held = "held"

// TestAttacker is not a test: it runs in the container and never ends. It stops every
// process that appears there, inspects it and resumes it. It prints what it saw of each
// process that does not run one of the container's programs.
func TestAttacker(*testing.T) {
	secret := reversed(os.Getenv(attackVariable))
	if secret == "" {
		return
	}
	runtime.LockOSThread() // a tracer is a thread
	a := &attacker{secret: secret, hold: os.Getenv(holdVariable) != "", seen: make(map[string]bool), out: json.NewEncoder(os.Stdout)}
	if a.hold {
		if err := a.makeLeased(); err != nil {
			fmt.Println(err)
			return
		}
	}
	fmt.Println("ready")
	for {
		a.round()
	}
}

type attacker struct {
	secret   string
	hold     bool
	seen     map[string]bool
	out      *json.Encoder
	programs []*os.File // the programs of our processes
	leased   *os.File
}

// makeLeased makes the program that is leased, and takes the lease.
func (a *attacker) makeLeased() (err error) {
	_ = os.Mkdir(filepath.Dir(leased), 0o755)
	if err := os.WriteFile(leased, []byte("#!/bin/true\n"), 0o755); err != nil {
		return err
	}
	if a.leased, err = os.Open(leased); err == nil {
		err = a.setLease(unix.F_WRLCK)
	}
	return err
}

func (a *attacker) setLease(kind int) error {
	_, err := unix.FcntlInt(a.leased.Fd(), unix.F_SETLEASE, kind)
	return err
}

// renewLease takes the lease again once no process of ours waits for it.
func (a *attacker) renewLease() {
	if kind, err := unix.FcntlInt(a.leased.Fd(), unix.F_GETLEASE, 0); err == nil && kind == unix.F_WRLCK {
		return
	}
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	if slices.ContainsFunc(dirs, ours) {
		return
	}
	_ = a.setLease(unix.F_UNLCK)
	_ = a.setLease(unix.F_WRLCK)
}

// round inspects every new process.
func (a *attacker) round() {
	if a.hold {
		defer a.renewLease()
	}
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		if pid, _ := strconv.Atoi(filepath.Base(dir)); pid != 1 && !a.seen[dir] {
			a.seen[dir] = true
			a.meet(dir, pid)
		}
	}
	for dir := range a.seen {
		if _, err := os.Stat(dir); err != nil {
			delete(a.seen, dir)
		}
	}
	// Once its process has ended, the kernel lets a program be written to.
	for _, program := range a.programs {
		again, err := os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", program.Fd()), os.O_WRONLY, 0)
		if err != nil {
			continue
		}
		if _, err := again.WriteAt([]byte("#!"), 0); err == nil {
			_ = a.out.Encode(sighting{Exe: later, Written: true})
		}
		again.Close()
	}
}

// meet stops a process, inspects it and resumes it.
func (a *attacker) meet(dir string, pid int) {
	_ = unix.Kill(pid, unix.SIGSTOP)
	if a.hold && ours(dir) {
		_ = a.out.Encode(sighting{Exe: held})
		return
	}
	defer func() { _ = unix.Kill(pid, unix.SIGCONT) }()
	s, program := attack(dir, pid, a.secret)
	if s == nil {
		return
	}
	_ = a.out.Encode(s)
	if strings.HasPrefix(s.Exe, "/memfd:") {
		a.programs = append(a.programs, program)
	}
}

// attack inspects a process. It returns nil for one of the container's own.
func attack(dir string, pid int, secret string) (*sighting, *os.File) {
	if !ours(dir) {
		return nil, nil
	}
	s := &sighting{FDs: make(map[string]string)}
	s.Exe, _ = os.Readlink(dir + "/exe")
	s.Cwd, _ = os.Readlink(dir + "/cwd")
	environ, _ := os.ReadFile(dir + "/environ")
	s.Environ = string(environ)
	fds, _ := os.ReadDir(dir + "/fd")
	for _, fd := range fds {
		path := dir + "/fd/" + fd.Name()
		s.FDs[fd.Name()], _ = os.Readlink(path)
		if f, err := os.OpenFile(path, os.O_RDWR|unix.O_NONBLOCK, 0); err == nil {
			s.Opened = append(s.Opened, fd.Name())
			f.Close()
		}
	}
	program, _ := os.Open(dir + "/exe")
	if f, err := os.OpenFile(dir+"/exe", os.O_WRONLY, 0); err == nil && strings.HasPrefix(s.Exe, "/memfd:") {
		_, err = f.WriteAt([]byte("#!"), 0)
		s.Written = err == nil
		f.Close()
	}
	s.Traced = unix.PtraceSeize(pid) == nil
	s.Secret = memoryHas(dir, secret)
	if s.Traced {
		_ = unix.PtraceInterrupt(pid)
		_, _ = unix.Wait4(pid, nil, unix.WALL, nil)
		_ = unix.PtraceDetach(pid)
	}
	if !ours(dir) {
		return nil, nil // it executed the command in the meantime
	}
	return s, program
}

// ours reports whether a process still has the helper's name.
func ours(dir string) bool {
	text, err := os.ReadFile(dir + "/comm")
	return err == nil && string(text) == "docker-nsjoin\n"
}

// reversed hides the secret, so that the attacker does not find it in the container's own environment.
func reversed(s string) string {
	b := []byte(s)
	slices.Reverse(b)
	return string(b)
}

// memoryHas reports whether text is in the writable memory of a process.
func memoryHas(dir, text string) bool { return memoryAround(dir, text) != "" }

// memoryAround returns text with what is around it in the writable memory of a process, or "" if it is not there.
func memoryAround(dir, text string) string {
	maps, err := os.Open(dir + "/maps")
	if err != nil {
		return ""
	}
	defer maps.Close()
	mem, err := os.Open(dir + "/mem")
	if err != nil {
		return ""
	}
	defer mem.Close()
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		var from, to uint64
		var mode string
		if n, _ := fmt.Sscanf(lines.Text(), "%x-%x %s", &from, &to, &mode); n < 3 || !strings.HasPrefix(mode, "rw") || to-from > 64<<20 {
			continue
		}
		content, _ := io.ReadAll(io.NewSectionReader(mem, int64(from), int64(to-from)))
		if i := bytes.Index(content, []byte(text)); i >= 0 {
			const shown = 300
			return fmt.Sprintf("%q in %s", content[max(0, i-shown):min(len(content), i+len(text)+shown)], lines.Text())
		}
	}
	return ""
}
