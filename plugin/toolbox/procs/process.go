// Package procs has the toolbox's own tools for processes. They read /proc, which shows the processes of the
// container.
package procs

import (
	"bytes"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/accounts"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// ticks is the unit of times in /proc, a hundredth of a second on all of Linux's architectures that Go has.
const ticks = 100

// process is what /proc tells of a process.
type process struct {
	pid, lwp, ppid, pgrp, session, tty, foreground int
	comm, state                                    string
	user, system, start                            uint64 // ticks
	priority, nice, threads, processor             int
	flags, policy, rtPriority                      int
	minorFaults, majorFaults                       int
	virtual, resident                              uint64 // bytes
	uid, ruid, gid, rgid                           uint32
	command                                        string // with its arguments; empty for kernel threads
	locked                                         bool
}

// all returns all processes, sorted by number.
func all() []process {
	d, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer d.Close()
	names, _ := d.Readdirnames(-1)
	var list []process
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			if p, err := read(pid); err == nil {
				list = append(list, p)
			}
		}
	}
	slices.SortFunc(list, func(a, b process) int { return a.pid - b.pid })
	return list
}

// tasks returns the threads of a process.
func (p *process) tasks() (list []process) {
	dir := "/proc/" + strconv.Itoa(p.pid) + "/task"
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	for _, entry := range entries {
		lwp, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		if t, err := readAt(p.pid, lwp, dir+"/"+entry.Name()); err == nil {
			list = append(list, t)
		}
	}
	slices.SortFunc(list, func(a, b process) int { return a.lwp - b.lwp })
	return list
}

// read reads a process.
func read(pid int) (process, error) { return readAt(pid, pid, "/proc/"+strconv.Itoa(pid)) }

// readAt reads a process, or one of its threads, from a directory.
func readAt(pid, lwp int, dir string) (process, error) {
	p := process{pid: pid, lwp: lwp}
	stat, err := os.ReadFile(dir + "/stat")
	if err != nil {
		return p, err
	}
	open, end := bytes.IndexByte(stat, '('), bytes.LastIndexByte(stat, ')')
	if open < 0 || end < open {
		return p, os.ErrInvalid
	}
	p.comm = string(stat[open+1 : end])
	fields := strings.Fields(string(stat[end+1:]))
	if len(fields) < 37 {
		return p, os.ErrInvalid
	}
	number := func(i int) int { // i as proc_pid_stat(5) counts
		n, _ := strconv.Atoi(fields[i-3])
		return n
	}
	p.state = fields[0]
	p.ppid, p.pgrp, p.session, p.tty, p.foreground = number(4), number(5), number(6), number(7), number(8)
	p.user, p.system, p.start = uint64(number(14)), uint64(number(15)), uint64(number(22))
	p.priority, p.nice, p.threads, p.processor = number(18), number(19), number(20), number(39)
	p.flags, p.minorFaults, p.majorFaults = number(9), number(10), number(12)
	if len(fields) > 38 {
		p.rtPriority, p.policy = number(40), number(41)
	}
	p.virtual, p.resident = uint64(number(23)), uint64(number(24)*os.Getpagesize())
	if status, err := os.ReadFile(dir + "/status"); err == nil {
		p.status(string(status))
	}
	if line, err := os.ReadFile(dir + "/cmdline"); err == nil {
		p.command = strings.TrimRight(strings.ReplaceAll(string(line), "\x00", " "), " ")
	}
	return p, nil
}

func (p *process) status(text string) {
	for line := range strings.SplitSeq(text, "\n") {
		name, value, _ := strings.Cut(line, ":")
		fields := strings.Fields(value)
		if len(fields) < 2 {
			continue
		}
		id := func(i int) uint32 {
			n, _ := strconv.ParseUint(fields[i], 10, 32)
			return uint32(n)
		}
		switch name {
		case "Uid":
			p.ruid, p.uid = id(0), id(1)
		case "Gid":
			p.rgid, p.gid = id(0), id(1)
		case "VmRSS": // stat has a number that the kernel brings up to date now and then
			n, _ := strconv.ParseUint(fields[0], 10, 64)
			p.resident = n << 10
		case "VmLck":
			p.locked = fields[0] != "0"
		}
	}
}

// args returns the command with its arguments, or its name in brackets.
func (p *process) args() string {
	if p.command == "" {
		return "[" + p.comm + "]"
	}
	return p.command
}

func (p *process) owner() string { return tool.Printable(accounts.Users().Name(p.uid)) }

// cgroup returns the process's control groups.
func (p *process) cgroup() string {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(p.pid) + "/cgroup")
	if err != nil || len(text) == 0 {
		return "-"
	}
	return tool.Printable(strings.ReplaceAll(strings.TrimSpace(string(text)), "\n", ","))
}

// environment returns the variables that the process was started with.
func (p *process) environment() string {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(p.pid) + "/environ")
	if err != nil {
		return ""
	}
	return tool.Printable(strings.TrimRight(strings.ReplaceAll(string(text), "\x00", " "), " "))
}

// executable returns the file that the process runs.
func (p *process) executable() string {
	name, err := os.Readlink("/proc/" + strconv.Itoa(p.pid) + "/exe")
	if err != nil {
		return "-"
	}
	return tool.Printable(name)
}

// namespace returns the number of a namespace that the process is in.
func (p *process) namespace(kind string) string {
	name, err := os.Readlink("/proc/" + strconv.Itoa(p.pid) + "/ns/" + kind)
	_, number, ok := strings.Cut(strings.TrimSuffix(name, "]"), "[")
	if err != nil || !ok {
		return "-"
	}
	return number
}

// stat returns the state with its flags, as ps prints it.
func (p *process) stat() string {
	text := p.state
	switch {
	case p.nice < 0:
		text += "<"
	case p.nice > 0:
		text += "N"
	}
	if p.locked {
		text += "L"
	}
	if p.session == p.pid {
		text += "s"
	}
	if p.threads > 1 {
		text += "l"
	}
	if p.foreground == p.pgrp && p.tty != 0 {
		text += "+"
	}
	return text
}

// terminal returns the name of the process's terminal.
func (p *process) terminal() string {
	if p.tty == 0 {
		return "?"
	}
	major, minor := unix.Major(uint64(p.tty)), unix.Minor(uint64(p.tty))
	switch {
	case major >= 136 && major <= 143:
		return "pts/" + strconv.Itoa(int(major-136)*256+int(minor))
	case major == 4 && minor < 64:
		return "tty" + strconv.Itoa(int(minor))
	case major == 4:
		return "ttyS" + strconv.Itoa(int(minor-64))
	case major == 5 && minor == 1:
		return "console"
	}
	return strconv.Itoa(int(major)) + ":" + strconv.Itoa(int(minor))
}

// times are the machine's.
type times struct {
	boot   time.Time
	uptime time.Duration
	memory uint64 // bytes
}

func machineTimes() times {
	var info unix.Sysinfo_t
	t := times{}
	if unix.Sysinfo(&info) == nil {
		t.memory = uint64(info.Totalram) * uint64(info.Unit)
	}
	// A container may have a time namespace, whose offset is in what /proc says too.
	if text, err := os.ReadFile("/proc/uptime"); err == nil {
		if fields := strings.Fields(string(text)); len(fields) > 0 {
			seconds, _ := strconv.ParseFloat(fields[0], 64)
			t.uptime = time.Duration(seconds * float64(time.Second))
		}
	}
	t.boot = time.Now().Add(-t.uptime)
	return t
}

// started returns when the process was started.
func (t times) started(p *process) time.Time {
	return t.boot.Add(time.Duration(p.start) * time.Second / ticks)
}

// age returns how long the process has run, at least a tick.
func (t times) age(p *process) time.Duration {
	return max(t.uptime-time.Duration(p.start)*time.Second/ticks, time.Second/ticks)
}

// cpu returns the part of a processor's time that the process has taken, in percent.
func (t times) cpu(p *process) float64 {
	used := time.Duration(p.user+p.system) * time.Second / ticks
	return 100 * float64(used) / float64(t.age(p))
}

func (t times) mem(p *process) float64 {
	if t.memory == 0 {
		return 0
	}
	return 100 * float64(p.resident) / float64(t.memory)
}
