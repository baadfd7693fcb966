package procs

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/accounts"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// lsof is a call of lsof.
type lsof struct {
	pids      []int
	names     []string
	users     []uint32
	files     []string
	internet  bool
	unix      bool
	want      internetChoice
	state     string // of TCP
	and, bare bool
	sockets   map[string]string // what is known of a socket, by inode
	rows      [][]string
}

// Lsof prints open files.
func Lsof(args []string) int {
	l := &lsof{}
	f := tool.Flags("lsof", "[-i] [-p PIDS] [-c NAME] [-u USERS] [-t] [FILE...]")
	pids := f.IntSliceP("pid", "p", nil, "of these processes")
	f.StringArrayVarP(&l.names, "command", "c", nil, "of processes whose name begins so")
	users := f.StringSliceP("user", "u", nil, "of these users")
	internet := f.StringP("internet", "i", "", "sockets of the internet; :PORT of this port")
	f.Lookup("internet").NoOptDefVal = "all"
	f.BoolVarP(&l.and, "and", "a", false, "all of the conditions")
	f.BoolVarP(&l.bare, "terse", "t", false, "print the processes' numbers only")
	f.BoolP("no-hosts", "n", false, "addresses instead of names (the default)")
	f.BoolP("no-ports", "P", false, "numbers instead of names (the default)")
	f.BoolVarP(&l.unix, "unix", "U", false, "UNIX sockets")
	state := f.StringP("state", "s", "", "sockets in this state, such as TCP:LISTEN")
	if status, ok := tool.Parse(f, tool.Attached(internetValue(args), "-i", "--internet")); !ok {
		return status
	}
	l.pids, l.files, l.internet = *pids, f.Args(), f.Changed("internet")
	if *state != "" {
		protocol, name, ok := strings.Cut(strings.ToUpper(*state), ":")
		if !ok || protocol != "TCP" {
			return tool.Complain("lsof", fmt.Errorf("-s %s is not supported here: TCP:STATE", tool.Printable(*state)))
		}
		l.state = map[string]string{"ESTABLISHED": "ESTAB", "CLOSE_WAIT": "CLOSE-WAIT", "TIME_WAIT": "TIME-WAIT", "SYN_SENT": "SYN-SENT", "SYN_RECV": "SYN-RECV"}[name]
		if l.state == "" {
			l.state = name
		}
	}
	var err error
	if l.want, err = parseInternet(*internet); err != nil {
		return tool.Complain("lsof", err)
	}
	for _, user := range *users {
		id, ok := accounts.Users().ID(user)
		if !ok {
			return tool.Complain("lsof", fmt.Errorf("there is no user %q", user))
		}
		l.users = append(l.users, id)
	}
	l.sockets = socketNames()
	var numbers []string
	for _, p := range all() {
		before := len(l.rows)
		l.process(&p)
		if len(l.rows) > before {
			numbers = append(numbers, strconv.Itoa(p.pid))
		}
	}
	if l.bare {
		if len(numbers) > 0 {
			tool.Println(strings.Join(numbers, "\n"))
		}
	} else if len(l.rows) > 0 {
		titles := []string{"COMMAND", "PID", "USER", "FD", "TYPE", "DEVICE", "SIZE/OFF", "NODE", "NAME"}
		tool.Table(slices.Insert(l.rows, 0, titles), 1, 3, 4, 5, 6, 7)
	}
	if len(l.rows) == 0 {
		return 1
	}
	return 0
}

// process adds the files of a process.
func (l *lsof) process(p *process) {
	chosen := l.pids == nil && l.names == nil && l.users == nil
	byProcess := slices.Contains(l.pids, p.pid) || slices.Contains(l.users, p.uid) ||
		slices.ContainsFunc(l.names, func(name string) bool { return strings.HasPrefix(p.comm, name) })
	conditions := l.internet || l.unix || len(l.files) > 0
	if !chosen && !byProcess && (l.and || !conditions) {
		return
	}
	dir := "/proc/" + strconv.Itoa(p.pid)
	for _, special := range []struct{ fd, link string }{{"cwd", "/cwd"}, {"rtd", "/root"}, {"txt", "/exe"}} {
		l.file(p, special.fd, dir+special.link, byProcess && !l.and)
	}
	d, err := os.Open(dir + "/fd")
	if err != nil {
		return
	}
	defer d.Close()
	fds, _ := d.Readdirnames(-1)
	slices.SortFunc(fds, func(a, b string) int {
		x, _ := strconv.Atoi(a)
		y, _ := strconv.Atoi(b)
		return x - y
	})
	for _, fd := range fds {
		l.file(p, fd, dir+"/fd/"+fd, byProcess && !l.and)
	}
}

// file adds a file if it is to be printed.
func (l *lsof) file(p *process, fd, link string, always bool) {
	name, err := os.Readlink(link)
	if err != nil {
		return
	}
	inode, isSocket := strings.CutPrefix(name, "socket:[")
	inode = strings.TrimSuffix(inode, "]")
	socket := l.sockets[inode]
	onInternet := isSocket && (strings.HasPrefix(socket, "TCP") || strings.HasPrefix(socket, "UDP"))
	if l.state != "" && strings.HasPrefix(socket, "TCP") && !strings.HasSuffix(socket, "("+l.state+")") {
		return
	}
	if (l.internet || l.unix || len(l.files) > 0) && !always {
		inet := l.internet && onInternet && l.want.matches(socket) || l.unix && isSocket && socket != "" && !onInternet
		if !inet && !slices.ContainsFunc(l.files, func(file string) bool { return same(file, link) }) {
			return
		}
	}
	kind, device, size, node := described(link, inode)
	if isSocket && socket != "" {
		name = strings.TrimSpace(socket)
		kind = map[bool]string{true: "inet", false: "unix"}[onInternet]
	}
	l.rows = append(l.rows, []string{
		tool.Printable(p.comm), strconv.Itoa(p.pid), p.owner(), fd + access(p.pid, fd), kind, device, size, node, tool.Printable(name),
	})
}

// described returns the columns that stat(2) knows of a file.
func described(link, inode string) (kind, device, size, node string) {
	var s unix.Stat_t
	if unix.Stat(link, &s) != nil {
		return "unknown", "", "", inode
	}
	kind = map[uint32]string{unix.S_IFREG: "REG", unix.S_IFDIR: "DIR", unix.S_IFCHR: "CHR", unix.S_IFBLK: "BLK", unix.S_IFIFO: "FIFO", unix.S_IFSOCK: "sock"}[s.Mode&unix.S_IFMT]
	device = fmt.Sprintf("%d,%d", unix.Major(uint64(s.Dev)), unix.Minor(uint64(s.Dev)))
	if kind == "REG" || kind == "DIR" {
		size = strconv.FormatInt(s.Size, 10)
	}
	if kind == "" {
		kind = "a_inode"
	}
	return kind, device, size, strconv.FormatUint(s.Ino, 10)
}

func same(a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && os.SameFile(x, y)
}

// access returns r, w or u: what a descriptor is open for.
func access(pid int, fd string) string {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/fdinfo/" + fd)
	if err != nil {
		return ""
	}
	_, after, _ := strings.Cut(string(text), "flags:")
	flags, _ := strconv.ParseUint(strings.TrimSpace(strings.SplitN(after, "\n", 2)[0]), 8, 32)
	return []string{"r", "w", "u", ""}[flags&3]
}
