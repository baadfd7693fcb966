//go:build linux

package main

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
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

// inPIDNamespaceOf returns the processes in a process's PID namespace, in the order of their PIDs,
// without zombies.
func inPIDNamespaceOf(pid string) []process {
	namespace, err := os.Readlink("/proc/" + pid + "/ns/pid")
	if err != nil {
		return nil
	}
	list := slices.DeleteFunc(processes(), func(p process) bool {
		link, _ := os.Readlink("/proc/" + strconv.Itoa(p.pid) + "/ns/pid")
		return link != namespace
	})
	slices.SortFunc(list, func(a, b process) int { return cmp.Compare(a.pid, b.pid) })
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
