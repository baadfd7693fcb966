//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// intrudeVariable turns the test program into an intruder: a process in a container that
// tries everything that the kernel may allow on every other process that it sees. Its value
// is the caller's secret, reversed.
const intrudeVariable = "NSJOIN_TEST_INTRUDE"

// intrudeOnVariable restricts an intruder that sees the host's processes to these PIDs,
// separated by commas.
const intrudeOnVariable = "NSJOIN_TEST_INTRUDE_ON"

// The identities under which an intruder tries each process.
const (
	unchanged = "as it is"
	asTarget  = "as its user" // with the process's UID and GID, as far as its capabilities allow
)

// loot is what an intruder got from one process under one identity.
type loot struct {
	PID   int
	Args  string
	Guise string
	// Self describes the intruder: its root directory, its namespaces by kind, its IDs and its
	// permitted capabilities.
	Self map[string]string
	// Files are descriptors that it reopened or copied; the key says how, and the number.
	Files map[string]fileID
	// Got has everything else, by the name of the attack.
	Got map[string]string
	// Secret says that the caller's secret was in the memory or in the environment.
	Secret bool
}

// TestIntruder is not a test: docker exec runs it in the container, with the container's
// capabilities, and it prints its loot.
func TestIntruder(*testing.T) {
	secret := reversed(os.Getenv(intrudeVariable))
	if secret == "" {
		return
	}
	out := json.NewEncoder(os.Stdout)
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	if only := os.Getenv(intrudeOnVariable); only != "" {
		dirs = strings.Split("/proc/"+strings.ReplaceAll(only, ",", ",/proc/"), ",")
	}
	for _, dir := range dirs {
		pid, _ := strconv.Atoi(filepath.Base(dir))
		if pid == 1 || pid == os.Getpid() {
			continue
		}
		for _, guise := range []string{unchanged, asTarget} {
			got := make(chan loot)
			go func() {
				// The thread ends with the goroutine, and its changed identity with it. The main
				// thread, which /proc/self shows, keeps its identity.
				runtime.LockOSThread()
				got <- intrude(dir, pid, guise, secret)
			}()
			_ = out.Encode(<-got)
		}
	}
}

// intrude tries everything on one process.
func intrude(dir string, pid int, guise, secret string) loot {
	l := loot{PID: pid, Guise: guise, Self: make(map[string]string), Files: make(map[string]fileID), Got: make(map[string]string)}
	args, _ := os.ReadFile(dir + "/cmdline")
	l.Args = strings.TrimSpace(strings.ReplaceAll(string(args), "\x00", " "))
	l.Self["root"] = describeFile("/proc/thread-self/root")
	for _, field := range []string{"Uid", "Gid", "CapPrm"} {
		l.Self[field] = statusField("/proc/thread-self/status", field)
	}
	if guise == asTarget {
		become(dir)
	}
	l.descriptors(dir)
	l.links(dir)
	l.texts(dir, pid, secret)
	l.copies(pid)
	l.namespaces(dir)
	l.signals(pid)
	return l
}

// become gives this thread the IDs of a process, and keeps its capabilities. It ignores
// errors: without CAP_SETUID nothing changes.
func become(dir string) {
	uid, _ := strconv.Atoi(statusField(dir+"/status", "Uid"))
	gid, _ := strconv.Atoi(statusField(dir+"/status", "Gid"))
	_ = unix.Prctl(unix.PR_SET_KEEPCAPS, 1, 0, 0, 0)
	_, _, _ = unix.RawSyscall(unix.SYS_SETRESGID, uintptr(gid), uintptr(gid), uintptr(gid))
	_, _, _ = unix.RawSyscall(unix.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid))
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var sets [2]unix.CapUserData
	_ = unix.Capget(&head, &sets[0])
	for i := range sets {
		sets[i].Effective = sets[i].Permitted
	}
	_ = unix.Capset(&head, &sets[0])
}

// descriptors reopens the process's descriptors.
func (l *loot) descriptors(dir string) {
	for fd := range 64 {
		path := fmt.Sprintf("%s/fd/%d", dir, fd)
		for how, flags := range map[string]int{"read": unix.O_RDONLY, "write": unix.O_WRONLY, "path": unix.O_PATH} {
			again, err := unix.Open(path, flags|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
			if err != nil {
				continue
			}
			l.Files[fmt.Sprintf("%s fd %d", how, fd)], _ = statFD(again)
			unix.Close(again)
		}
	}
}

// links follows the process's links to files.
func (l *loot) links(dir string) {
	for _, name := range []string{"root", "cwd", "exe"} {
		if place := describeFile(dir + "/" + name); place != "" {
			l.Got[name] = place
		}
		if target, err := os.Readlink(dir + "/" + name); err == nil {
			l.Got["link "+name] = target
		}
	}
	if fd, err := unix.Open(dir+"/exe", unix.O_WRONLY|unix.O_CLOEXEC, 0); err == nil {
		l.Got["write exe"] = ""
		unix.Close(fd)
	}
	if entries, err := os.ReadDir(dir + "/map_files"); err == nil && len(entries) > 0 {
		if place := describeFile(dir + "/map_files/" + entries[0].Name()); place != "" {
			l.Got["map_files"] = place
		}
	}
}

// texts reads the process's memory, and files of /proc that show it.
func (l *loot) texts(dir string, pid int, secret string) {
	for _, name := range []string{"environ", "maps", "auxv", "syscall", "stack", "io"} {
		if text, err := os.ReadFile(dir + "/" + name); err == nil && len(text) > 0 {
			l.Got[name] = fmt.Sprintf("%d bytes", len(text))
			l.Secret = l.Secret || bytes.Contains(text, []byte(secret))
		}
	}
	l.Secret = l.Secret || memoryHas(dir, secret)
	maps, _ := os.ReadFile(dir + "/maps")
	var from, to uintptr
	_, _ = fmt.Sscanf(string(maps), "%x-%x", &from, &to)
	if mem, err := os.OpenFile(dir+"/mem", os.O_RDWR, 0); err == nil {
		l.Got["mem"] = ""
		mem.Close()
	}
	var word [8]byte
	local := []unix.Iovec{{Base: &word[0], Len: 8}}
	remote := []unix.RemoteIovec{{Base: from, Len: 8}}
	if from != 0 {
		if n, _ := unix.ProcessVMReadv(pid, local, remote, 0); n > 0 {
			l.Got["process_vm_readv"] = ""
		}
	}
	if unix.PtraceSeize(pid) == nil {
		l.Got["ptrace"] = ""
		if unix.PtraceInterrupt(pid) == nil {
			_, _ = unix.Wait4(pid, nil, unix.WALL, nil)
		}
		_ = unix.PtraceDetach(pid)
	}
}

// copies copies the process's descriptors through its pidfd. For each socket it also copies
// those of the process at the other end, through the pidfd of the socket's peer.
func (l *loot) copies(pid int) {
	process, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return
	}
	defer unix.Close(process)
	for fd := range 64 {
		taken, err := unix.PidfdGetfd(process, fd, 0)
		if err != nil {
			continue
		}
		p, _ := statFD(taken)
		l.Files[fmt.Sprintf("copy fd %d", fd)] = p
		if p.Mode&unix.S_IFMT == unix.S_IFSOCK {
			l.peer(fd, taken)
		}
		unix.Close(taken)
	}
}

// peer copies the descriptors of the process that connected a socket, by SO_PEERPIDFD of
// socket(7). The intruder may be unable to see that process.
func (l *loot) peer(fd, socket int) {
	const peerPidfd = 77 // SO_PEERPIDFD, since Linux 6.5
	process, err := unix.GetsockoptInt(socket, unix.SOL_SOCKET, peerPidfd)
	if err != nil {
		return
	}
	defer unix.Close(process)
	l.Got[fmt.Sprintf("peer of fd %d", fd)] = "a pidfd"
	for theirs := range 64 {
		if taken, err := unix.PidfdGetfd(process, theirs, 0); err == nil {
			l.Files[fmt.Sprintf("fd %d of the peer of fd %d", theirs, fd)], _ = statFD(taken)
			unix.Close(taken)
		}
	}
}

// namespaces reads the process's namespaces and joins those that differ from the intruder's.
func (l *loot) namespaces(dir string) {
	for kind, flag := range map[string]int{
		"cgroup": unix.CLONE_NEWCGROUP, "ipc": unix.CLONE_NEWIPC, "net": unix.CLONE_NEWNET, "uts": unix.CLONE_NEWUTS,
		"mnt": unix.CLONE_NEWNS, "pid": unix.CLONE_NEWPID, "user": unix.CLONE_NEWUSER,
	} {
		own, _ := os.Readlink("/proc/thread-self/ns/" + kind)
		l.Self[kind] = own
		link, err := os.Readlink(dir + "/ns/" + kind)
		if err == nil {
			l.Got["ns "+kind] = link
		}
		if link == own {
			continue
		}
		fd, err := unix.Open(dir+"/ns/"+kind, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			continue
		}
		if kind == "mnt" {
			_ = unix.Unshare(unix.CLONE_FS)
		}
		if unix.Setns(fd, flag) == nil {
			l.Got["setns "+kind] = link
		}
		unix.Close(fd)
	}
}

// signals tries to signal the process and to read its limits.
func (l *loot) signals(pid int) {
	if unix.Kill(pid, 0) == nil {
		l.Got["signal"] = ""
	}
	var limit unix.Rlimit
	if unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &limit) == nil {
		l.Got["prlimit"] = ""
	}
}
