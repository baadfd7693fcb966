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

// intrudeVariable makes the test's own program an intruder: a process of a container
// that tries what the kernel may allow on every other process that it sees. Its value
// is a secret of the caller's, reversed.
const intrudeVariable = "NSJOIN_TEST_INTRUDE"

// intrudeOnVariable has an intruder who sees the host's processes, others' too, try these
// only: numbers separated by commas.
const intrudeOnVariable = "NSJOIN_TEST_INTRUDE_ON"

// The two guises of an intruder.
const (
	asItIs      = "as it is"
	asTheirUser = "as its user" // with the process's uid and gid, as far as its capabilities give them
)

// loot is what an intruder got from one process in one guise.
type loot struct {
	PID   int
	Args  string
	Guise string
	// Self is the intruder's own: its root, its namespaces by kind, and of its status its
	// ids and its permitted capabilities.
	Self map[string]string
	// Files are descriptors that it opened again or copied, by how and number.
	Files map[string]prize
	// Got has everything else by the name of the attack.
	Got map[string]string
	// Secret says that the caller's secret was in the memory or in the environment.
	Secret bool
}

// prize is a descriptor as fstat(2) has it.
type prize struct {
	Dev, Ino, Rdev uint64
	Mode           uint32
}

func prizeOf(fd int) (prize, bool) {
	var st unix.Stat_t
	err := unix.Fstat(fd, &st)
	return prize{st.Dev, st.Ino, st.Rdev, st.Mode}, err == nil //nolint:unconvert // of another type elsewhere
}

func (p prize) String() string {
	kind := map[uint32]string{
		unix.S_IFIFO: "pipe", unix.S_IFSOCK: "socket", unix.S_IFCHR: "device", unix.S_IFBLK: "disk",
		unix.S_IFREG: "file", unix.S_IFDIR: "directory", unix.S_IFLNK: "link",
	}[p.Mode&unix.S_IFMT]
	if p.Rdev != 0 {
		return fmt.Sprintf("%s %d:%d (%d on %x)", kind, unix.Major(p.Rdev), unix.Minor(p.Rdev), p.Ino, p.Dev)
	}
	return fmt.Sprintf("%s %d on %x", kind, p.Ino, p.Dev)
}

// TestIntruder is no test: it runs in the container by docker exec, with all that the
// container may have, and prints its loot.
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
		for _, guise := range []string{asItIs, asTheirUser} {
			got := make(chan loot)
			go func() {
				// It ends with the goroutine, and its identity with it. The process's first one,
				// which /proc/self means, stays.
				runtime.LockOSThread()
				got <- intrude(dir, pid, guise, secret)
			}()
			_ = out.Encode(<-got)
		}
	}
}

// intrude tries everything on one process.
func intrude(dir string, pid int, guise, secret string) loot {
	l := loot{PID: pid, Guise: guise, Self: make(map[string]string), Files: make(map[string]prize), Got: make(map[string]string)}
	args, _ := os.ReadFile(dir + "/cmdline")
	l.Args = strings.TrimSpace(strings.ReplaceAll(string(args), "\x00", " "))
	l.Self["root"] = placeOf("/proc/thread-self/root")
	for _, field := range []string{"Uid", "Gid", "CapPrm"} {
		l.Self[field] = statusOfProcess("/proc/thread-self/status", field)
	}
	if guise == asTheirUser {
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

// become takes the ids of a process for this thread, and keeps its capabilities. What is
// refused stays as it was: without CAP_SETUID that is everything.
func become(dir string) {
	uid, _ := strconv.Atoi(statusOfProcess(dir+"/status", "Uid"))
	gid, _ := strconv.Atoi(statusOfProcess(dir+"/status", "Gid"))
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

// statusOfProcess is the first word of a line of a file like /proc/PID/status.
func statusOfProcess(path, field string) string {
	text, _ := os.ReadFile(path)
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, field+":"); ok {
			return strings.Fields(value)[0]
		}
	}
	return ""
}

// descriptors opens the process's descriptors again.
func (l *loot) descriptors(dir string) {
	for fd := range 64 {
		path := fmt.Sprintf("%s/fd/%d", dir, fd)
		for how, flags := range map[string]int{"read": unix.O_RDONLY, "write": unix.O_WRONLY, "path": unix.O_PATH} {
			again, err := unix.Open(path, flags|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
			if err != nil {
				continue
			}
			l.Files[fmt.Sprintf("%s fd %d", how, fd)], _ = prizeOf(again)
			unix.Close(again)
		}
	}
}

// links follows the process's links to files.
func (l *loot) links(dir string) {
	for _, name := range []string{"root", "cwd", "exe"} {
		if place := placeOf(dir + "/" + name); place != "" {
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
		if place := placeOf(dir + "/map_files/" + entries[0].Name()); place != "" {
			l.Got["map_files"] = place
		}
	}
}

// placeOf is the device and number of what a path leads to, or "".
func placeOf(path string) string {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return ""
	}
	defer unix.Close(fd)
	p, _ := prizeOf(fd)
	return p.String()
}

// texts reads what the process has in its memory.
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

// copies takes the process's descriptors by its pidfd, and those of the process at the
// other end of each socket, by the pidfd that a socket gives of its peer.
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
		p, _ := prizeOf(taken)
		l.Files[fmt.Sprintf("copy fd %d", fd)] = p
		if p.Mode&unix.S_IFMT == unix.S_IFSOCK {
			l.peer(fd, taken)
		}
		unix.Close(taken)
	}
}

// peer takes the descriptors of the process that connected a socket, SO_PEERPIDFD of
// socket(7). It may be one that the intruder can't see.
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
			l.Files[fmt.Sprintf("fd %d of the peer of fd %d", theirs, fd)], _ = prizeOf(taken)
			unix.Close(taken)
		}
	}
}

// namespaces reads the process's namespaces and joins those that the intruder hasn't got.
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

// signals tries whether the process may be signalled and limited.
func (l *loot) signals(pid int) {
	if unix.Kill(pid, 0) == nil {
		l.Got["signal"] = ""
	}
	var limit unix.Rlimit
	if unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &limit) == nil {
		l.Got["prlimit"] = ""
	}
}
