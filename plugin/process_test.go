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

// process is what is used of /proc/PID of this machine.
type process struct {
	pid, parent, session int
	state, started       string
	args                 []string // none for one that has ended
}

// processes are all that run here.
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

// runs tells whether it is still this process, and no zombie.
func (p process) runs() bool {
	now, ok := readProcess(p.pid)
	return ok && now.started == p.started && !now.dead()
}

func (p process) dead() bool { return p.state == "Z" || p.state == "X" }

func (p process) String() string {
	return strconv.Itoa(p.pid) + " (" + p.state + ") " + strings.Join(p.args, " ")
}

// isHelper is true for the plugin, and for the helper that takes its place.
func (p process) isHelper() bool {
	return len(p.args) > 1 && filepath.Base(p.args[0]) == "docker-nsjoin" && !p.isWatcher()
}

func (p process) isWatcher() bool {
	return len(p.args) == 2 && p.args[0] == "docker-nsjoin" && p.args[1] == "watch"
}

func childrenOf(pid int) []process {
	return slices.DeleteFunc(processes(), func(p process) bool { return p.parent != pid })
}

// descendants of a process, the nearest first.
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

// helperOf is the helper that a Docker CLI has started.
func helperOf(cli int) (process, bool) {
	children := childrenOf(cli)
	i := slices.IndexFunc(children, process.isHelper)
	if i < 0 {
		return process{}, false
	}
	return children[i], true
}

// commandOf is the command that a helper runs.
func commandOf(helper int) (process, bool) {
	children := slices.DeleteFunc(childrenOf(helper), func(p process) bool {
		return len(p.args) == 0 || p.args[0] == "docker-nsjoin"
	})
	if len(children) != 1 {
		return process{}, false
	}
	return children[0], true
}

// inSession are the processes of a session that run.
func inSession(session int) []process {
	return slices.DeleteFunc(processes(), func(p process) bool { return p.session != session || p.dead() })
}

// inPIDNamespaceOf are the processes in a process's pid namespace, without those
// of which nothing but their status is left.
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

// terminalsOf are the pseudo-terminals in the devpts of a container's process.
func terminalsOf(t *testing.T, pid string) []string {
	t.Helper()
	names, err := filepath.Glob("/proc/" + pid + "/root/dev/pts/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	return names
}
