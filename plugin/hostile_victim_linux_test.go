//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// victim is a running child.
type victim struct {
	row     child
	args    string // its command line, which is unique
	process process
	callers []fileID // its caller's standard streams
	says    *safeBytes
	refused bool // docker nsjoin did not start it, because the container could reach it
}

// refused reports whether docker nsjoin refused to start a child because of what its container may do.
func (row child) refused(cmd *exec.Cmd, says *safeBytes) bool {
	mixed := slices.Contains(row.elsewhere, "root")
	return (row.host || row.more || mixed) && cmd.ProcessState.ExitCode() == 125 && bytes.Contains(says.bytes(), []byte("--trust-container"))
}

// streams sets the caller's standard streams to the row's kind, and adds a descriptor of the
// host's root directory.
func (v *victim) streams(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	v.says = &safeBytes{}
	root, err := os.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	cmd.ExtraFiles = []*os.File{root}
	files := []*os.File{root}
	switch {
	case v.row.terminal:
		return // the terminal is its standard streams
	case v.row.socket:
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		theirs := os.NewFile(uintptr(pair[1]), "socket")
		files = append(files, theirs, os.NewFile(uintptr(pair[0]), "socket"))
		cmd.Stdin, cmd.Stdout = theirs, theirs
	case v.row.files:
		null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		in, err := os.CreateTemp(t.TempDir(), "")
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, null, in)
		cmd.Stdin, cmd.Stdout = in, null
	default:
		in, toIn := pipeFor(t)
		fromOut, out := pipeFor(t)
		files = append(files, in, toIn, fromOut, out)
		cmd.Stdin, cmd.Stdout = in, out
	}
	fromErr, errs := pipeFor(t)
	cmd.Stderr = errs
	go func() { _, _ = fromErr.WriteTo(v.says) }()
	for _, f := range append(files, errs) {
		if p, ok := statFD(int(f.Fd())); ok {
			v.callers = append(v.callers, p)
		}
	}
	t.Cleanup(func() {
		for _, f := range append(files, errs, fromErr) {
			f.Close()
		}
	})
}

func pipeFor(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	return r, w
}

// places are the container's own files that a command in it may have open.
type places struct {
	init                     string // the PID of its first process
	tracers                  bool   // containers with SYS_PTRACE run
	program, null, terminals fileID
}

func placesOf(t *testing.T, container string) places {
	t.Helper()
	init := initOf(t, container)
	root := "/proc/" + init + "/root/"
	of := func(path string) fileID {
		p, ok := statPath(root + path)
		if !ok {
			t.Fatalf("the container has no %s", path)
		}
		return p
	}
	return places{init: init, program: of("bin/busybox"), null: of("dev/null"), terminals: of("dev/pts/ptmx")}
}

// judge fails if an intruder got something from a child that it must not get.
func (v *victim) judge(t *testing.T, at places, loots []loot, intruder string) {
	t.Helper()
	seen := slices.DeleteFunc(slices.Clone(loots), func(l loot) bool { return l.Args != v.args })
	if v.refused {
		if first, _, _ := bytes.Cut(v.says.bytes(), []byte("\n")); bytes.Contains(first, []byte("processes of container")) && !at.tracers {
			t.Errorf("%s: refused because of another container: %s", v.row.name, v.says.bytes())
		}
		return
	}
	if v.row.hidden {
		if len(seen) > 0 {
			t.Errorf("%s: the container sees it", v.row.name)
		}
		return
	}
	if len(seen) == 0 {
		t.Errorf("%s: the intruder did not see it", v.row.name)
	}
	v.predicted(t, seen, at.init, intruder)
	for _, l := range seen {
		if v.row.trusted {
			break
		}
		if faults := v.faults(at, l); len(faults) > 0 {
			slices.Sort(faults)
			t.Errorf("%s: an intruder %s %s got\n\t%s", v.row.name, intruder, l.Guise, strings.Join(faults, "\n\t"))
		}
	}
}

// faults lists what the intruder got and must not get.
func (v *victim) faults(at places, l loot) []string {
	var list []string
	add := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	if l.Secret {
		add("the caller's secret")
	}
	for how, file := range l.Files {
		switch {
		case v.row.host || v.row.more:
			add("%s: %s", how, file)
		case at.callersOwn(v, file):
			add("%s: the caller's %s", how, file)
		case !at.harmless(file):
			add("%s: %s", how, file)
		}
	}
	for what, got := range l.Got {
		if fault := v.fault(at, l, what, got); fault != "" {
			add("%s: %s", what, fault)
		}
	}
	return list
}

// callersOwn reports whether a file is one of the caller's standard streams. The null device of a rootless
// engine's container is the host's, so a command may have it.
func (at places) callersOwn(v *victim, file fileID) bool {
	return file != at.null && slices.Contains(v.callers, file)
}

// harmless reports whether a command in the container may have a file open.
func (at places) harmless(file fileID) bool {
	switch file.Mode & unix.S_IFMT {
	case unix.S_IFIFO:
		return true
	case unix.S_IFCHR:
		return file == at.null || file.Dev == at.terminals.Dev
	}
	return false
}

// fault describes what is wrong with an item of the loot, or returns "".
func (v *victim) fault(at places, l loot, what, got string) string {
	if what == "signal" || what == "prlimit" {
		return "" // the kernel requires only the same user
	}
	if v.row.host || v.row.more {
		return "reached, " + got
	}
	kind := strings.TrimPrefix(strings.TrimPrefix(what, "setns "), "ns ")
	files := what == "root" || what == "cwd" || what == "exe" || what == "map_files"
	elsewhere := slices.Contains(v.row.elsewhere, kind) || files && slices.Contains(v.row.elsewhere, "root")
	switch {
	case elsewhere:
		return ""
	case kind != what && got != l.Self[kind]:
		return "it is " + got
	case (what == "root" || what == "cwd") && got != l.Self["root"]:
		return "it is " + got
	case (what == "exe" || what == "map_files") && got != at.program.String():
		return "it is " + got
	case strings.HasPrefix(what, "peer "):
		return got
	}
	return ""
}
