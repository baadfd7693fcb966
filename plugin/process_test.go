//go:build linux

package main

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
)

// process is what the tests read from /proc/PID.
type process struct {
	pid, parent, session int
	state, started       string
	args                 []string // empty for a zombie
}

// processes returns all processes of this machine.
func processes() []process {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	var list []process
	for _, dir := range dirs {
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			continue
		}
		if p, ok := readProcess(pid); ok {
			list = append(list, p)
		}
	}
	return list
}

// readProcess reads one process. It returns false if the process does not exist.
func readProcess(pid int) (process, bool) {
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	text, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return process{}, false
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(fields) < 20 {
		return process{}, false
	}
	cmdline, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
	p := process{pid: pid, state: fields[0], started: fields[19]}
	p.parent, _ = strconv.Atoi(fields[1])
	p.session, _ = strconv.Atoi(fields[3])
	if len(cmdline) > 0 {
		p.args = strings.Split(strings.TrimSuffix(string(cmdline), "\x00"), "\x00")
	}
	return p, true
}

// runs reports whether the process still exists and is not a zombie.
func (p process) runs() bool {
	now, ok := readProcess(p.pid)
	return ok && now.started == p.started && !now.dead()
}

func (p process) dead() bool { return p.state == "Z" || p.state == "X" }

func (p process) String() string {
	return strconv.Itoa(p.pid) + " (" + p.state + ") " + strings.Join(p.args, " ")
}

// isHelper reports whether it is the plugin, or the helper that the plugin executes.
func (p process) isHelper() bool {
	return len(p.args) > 1 && filepath.Base(p.args[0]) == "docker-nsjoin" && !p.isWatcher()
}

func (p process) isWatcher() bool {
	return len(p.args) == 2 && p.args[0] == "docker-nsjoin" && p.args[1] == "watch"
}

// childrenOf returns the children of a process.
func childrenOf(pid int) []process {
	return slices.DeleteFunc(processes(), func(p process) bool { return p.parent != pid })
}

// descendants returns the descendants of a process, children first.
func descendants(pid int) []process {
	all := processes()
	var found []process
	for parents := []int{pid}; len(parents) > 0; {
		var next []int
		for _, p := range all {
			if slices.Contains(parents, p.parent) {
				found = append(found, p)
				next = append(next, p.pid)
			}
		}
		parents = next
	}
	return found
}

// helperOf returns the helper that a Docker CLI has started.
func helperOf(cli int) (process, bool) {
	children := childrenOf(cli)
	i := slices.IndexFunc(children, process.isHelper)
	if i < 0 {
		return process{}, false
	}
	return children[i], true
}

// commandOf returns the command that a helper runs.
func commandOf(helper int) (process, bool) {
	children := slices.DeleteFunc(childrenOf(helper), func(p process) bool {
		return len(p.args) == 0 || p.args[0] == "docker-nsjoin"
	})
	if len(children) != 1 {
		return process{}, false
	}
	return children[0], true
}

// inSession returns the running processes of a session.
func inSession(session int) []process {
	return slices.DeleteFunc(processes(), func(p process) bool { return p.session != session || p.dead() })
}

// inPIDNamespaceOf returns the processes in a process's PID namespace: that process, which is a container's first one,
// and then the others, the oldest first. PIDs would give another order once they have wrapped.
func inPIDNamespaceOf(pid string) []process {
	namespace, err := os.Readlink("/proc/" + pid + "/ns/pid")
	if err != nil {
		return nil
	}
	list := slices.DeleteFunc(processes(), func(p process) bool {
		link, _ := os.Readlink("/proc/" + strconv.Itoa(p.pid) + "/ns/pid")
		return link != namespace
	})
	age := func(p process) string {
		return fmt.Sprintf("%t %20s %7d", strconv.Itoa(p.pid) != pid, p.started, p.pid)
	}
	slices.SortFunc(list, func(a, b process) int { return cmp.Compare(age(a), age(b)) })
	return list
}

// terminalsOf returns the pseudo-terminals in the devpts of a container's process.
func terminalsOf(t *testing.T, pid string) []string {
	t.Helper()
	names, err := filepath.Glob("/proc/" + pid + "/root/dev/pts/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// offspring returns the PID of a descendant with one of these names, or 0.
func offspring(pid int, names ...string) int {
	files, _ := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/children")
	for _, file := range files {
		children, _ := os.ReadFile(file)
		for word := range strings.FieldsSeq(string(children)) {
			child, _ := strconv.Atoi(word)
			name, _ := os.ReadFile("/proc/" + word + "/comm")
			if slices.Contains(names, strings.TrimSpace(string(name))) {
				return child
			}
			if found := offspring(child, names...); found > 0 {
				return found
			}
		}
	}
	return 0
}

// marked returns the PID of the shell that has mark as its last argument, or 0.
func marked(mark string) int {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range files {
		line, _ := os.ReadFile(file)
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err == nil && bytes.HasPrefix(line, []byte("sh\x00")) && bytes.HasSuffix(line, []byte("\x00"+mark+"\x00")) {
			return pid
		}
	}
	return 0
}

func parentOf(t *testing.T, pid int) int {
	t.Helper()
	st, err := procfs.ReadStat(pid)
	if err != nil {
		t.Fatal(err)
	}
	return st.Parent
}

// withCommandLine returns the process with this command line, or the zero process.
func withCommandLine(args string) process {
	for _, p := range processes() {
		if strings.Join(p.args, " ") == args {
			return p
		}
	}
	return process{}
}

func comm(pid int) string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	return string(text)
}

// statusField returns the first word of a field of a file like /proc/PID/status.
func statusField(path, field string) string {
	text, _ := os.ReadFile(path)
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, field+":"); ok {
			return strings.Fields(value)[0]
		}
	}
	return ""
}

// isThere reports whether a process still has running threads.
func isThere(pid int) bool {
	tasks, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	return len(tasks) > 1
}

// watchdogOf returns a helper's watchdog.
func watchdogOf(t *testing.T, helper int) process {
	t.Helper()
	list := slices.DeleteFunc(childrenOf(helper), func(p process) bool {
		return len(p.args) == 0 || p.args[0] != "docker-nsjoin"
	})
	if len(list) != 1 {
		t.Fatalf("the helper's watchdogs: %v", list)
	}
	return list[0]
}

// openFiles returns the names of the files that a process has open.
func openFiles(p process) []string {
	var names []string
	links, _ := filepath.Glob(filepath.Join("/proc", strconv.Itoa(p.pid), "fd", "*"))
	for _, link := range links {
		if name, err := os.Readlink(link); err == nil {
			names = append(names, name)
		}
	}
	return names
}

// holders returns the PIDs of the processes that have a pipe open.
func holders(link string) (list []int) {
	fds, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, fd := range fds {
		if target, err := os.Readlink(fd); err == nil && target == link {
			pid, _ := strconv.Atoi(strings.Split(fd, "/")[2])
			list = append(list, pid)
		}
	}
	return list
}
