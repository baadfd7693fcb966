package procs

import (
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/accounts"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/network/sockets"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// lsof is a call of lsof.
type lsof struct {
	pids          []int
	names         []string
	users         []uint32
	files         []string
	below, within []string // +D and +d
	internet      bool
	unix          bool
	unlinked      bool // +L1
	descriptors   []string
	want          internetChoice
	states        []string // of TCP
	and, bare     bool
	numbers       bool // of users
	sockets       map[string]sockets.Open
	rows          [][]string
}

// Lsof prints open files.
func Lsof(args []string) int {
	l := &lsof{}
	f := tool.Flags("lsof", "[-i] [-p PIDS] [-c NAME] [-u USERS] [-t] [+D DIR] [+d DIR] [+L1] [FILE...]")
	pids := f.IntSliceP("pid", "p", nil, "of these processes")
	f.StringArrayVarP(&l.names, "command", "c", nil, "of processes whose name begins so")
	users := f.StringSliceP("user", "u", nil, "of these users")
	internet := f.StringP("internet", "i", "", "sockets of the internet; :PORT of this port")
	f.Lookup("internet").NoOptDefVal = "all"
	f.BoolVarP(&l.and, "and", "a", false, "all of the conditions")
	f.BoolVarP(&l.bare, "terse", "t", false, "print the processes' numbers only")
	f.BoolVarP(&l.numbers, "numeric-users", "l", false, "numbers of users instead of names")
	f.BoolP("no-hosts", "n", false, "addresses instead of names (the default)")
	f.BoolP("no-ports", "P", false, "numbers instead of names (the default)")
	f.BoolP("no-warnings", "w", false, "no warnings (the default)")
	f.BoolVarP(&l.unix, "unix", "U", false, "UNIX sockets")
	f.StringSliceVarP(&l.descriptors, "descriptors", "d", nil, "these descriptors, such as cwd, txt, 1 or 0-2")
	state := f.StringP("state", "s", "", "sockets in these states, such as TCP:LISTEN")
	args, err := l.plus(args)
	if err != nil {
		return tool.Complain("lsof", err)
	}
	if status, ok := tool.Parse(f, tool.Attached(internetValue(args), "-i", "--internet")); !ok {
		return status
	}
	l.pids, l.files, l.internet = *pids, f.Args(), f.Changed("internet")
	if *state != "" {
		protocol, names, ok := strings.Cut(strings.ToUpper(*state), ":")
		if !ok || protocol != "TCP" || strings.Contains(names, "^") {
			return tool.Complain("lsof", fmt.Errorf("-s %s is not supported here: TCP:STATE", tool.Printable(*state)))
		}
		l.states = strings.Split(names, ",")
	}
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
	return l.list()
}

// plus takes the options that begin with a plus out of the arguments.
func (l *lsof) plus(args []string) ([]string, error) {
	var rest []string
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if len(arg) < 2 || arg[0] != '+' {
			rest = append(rest, arg)
			continue
		}
		value := arg[2:]
		if strings.ContainsRune("dD", rune(arg[1])) && value == "" {
			if i++; i == len(args) {
				return nil, fmt.Errorf("%s needs a directory", arg)
			}
			value = args[i]
		}
		switch arg[1] {
		case 'd':
			l.within = append(l.within, path.Clean(value))
		case 'D':
			l.below = append(l.below, path.Clean(value))
		case 'L':
			if value != "1" {
				return nil, errors.New("+L is supported here as +L1 only: files that have no name")
			}
			l.unlinked = true
		case 'c':
		default:
			return nil, fmt.Errorf("option %s is not supported here", tool.Printable(arg))
		}
	}
	return rest, nil
}

// list prints what was found, and returns the status.
func (l *lsof) list() int {
	l.sockets = sockets.Opened()
	var numbers []string
	for _, p := range all() {
		before := len(l.rows)
		l.process(&p)
		if len(l.rows) > before {
			numbers = append(numbers, strconv.Itoa(p.pid))
		}
	}
	if len(l.rows) == 0 {
		return 1
	}
	if l.bare {
		tool.Println(strings.Join(numbers, "\n"))
		return 0
	}
	titles := []string{"COMMAND", "PID", "USER", "  FD  ", "TYPE", "DEVICE", "SIZE/OFF", "NLINK", "NODE", "NAME"}
	rows := slices.Insert(l.rows, 0, titles)
	right := []int{1, 2, 3, 4, 5, 6, 7, 8}
	if !l.unlinked {
		for i := range rows {
			rows[i] = slices.Delete(rows[i], 7, 8)
		}
		right = right[:7]
	}
	tool.Table(rows, right...)
	return 0
}

// conditions reports whether files are chosen by themselves, and not only by their process.
func (l *lsof) conditions() bool {
	return l.internet || l.unix || l.descriptors != nil || l.unlinked || len(l.files)+len(l.below)+len(l.within) > 0
}

// owned reports whether a process is chosen by -p, -c or -u, or if there is none of these. any says that there is.
func (l *lsof) owned(p *process) (chosen, some bool) {
	conditions, met := 0, 0
	for _, row := range []struct{ there, is bool }{
		{l.pids != nil, slices.Contains(l.pids, p.pid)},
		{l.users != nil, slices.Contains(l.users, p.uid)},
		{l.names != nil, slices.ContainsFunc(l.names, func(name string) bool { return strings.HasPrefix(p.comm, name) })},
	} {
		if row.there {
			conditions++
		}
		if row.is {
			met++
		}
	}
	return met > 0 && (!l.and || met == conditions), conditions > 0
}

// process adds the files of a process.
func (l *lsof) process(p *process) {
	owned, some := l.owned(p)
	if some && !owned && (l.and || !l.conditions()) {
		return
	}
	always := some && owned && !l.and || !l.conditions()
	dir := "/proc/" + strconv.Itoa(p.pid)
	for _, special := range []struct{ fd, link string }{{"cwd", "/cwd"}, {"rtd", "/root"}, {"txt", "/exe"}} {
		l.file(p, special.fd, dir+special.link, always)
	}
	l.mapped(p, dir, always)
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
		l.file(p, fd, dir+"/fd/"+fd, always)
	}
}

// mapped adds the files that a process has in its memory, each once, but not its program.
func (l *lsof) mapped(p *process, dir string, always bool) {
	text, err := os.ReadFile(dir + "/maps")
	if err != nil {
		return
	}
	program, _ := os.Readlink(dir + "/exe")
	seen := map[string]bool{program: true}
	for line := range strings.Lines(string(text)) {
		fields := strings.SplitN(strings.TrimSuffix(line, "\n"), " ", 6)
		if len(fields) < 6 || fields[4] == "0" {
			continue
		}
		name := strings.TrimLeft(fields[5], " ")
		if seen[name] || !strings.HasPrefix(name, "/") {
			continue
		}
		seen[name] = true
		if file := describe(dir + "/root" + name); l.chosen("mem", name, dir+"/root"+name, file, always) {
			fd := "mem"
			if strings.HasSuffix(name, " (deleted)") {
				fd, file.kind, file.node = "DEL", "REG", fields[4]
				name = strings.TrimSuffix(name, " (deleted)")
			}
			l.add(p, fd, name, file)
		}
	}
}

// file adds a file if it is to be printed.
func (l *lsof) file(p *process, fd, link string, always bool) {
	name, err := os.Readlink(link)
	if err != nil {
		return
	}
	file := describe(link)
	inode, isSocket := strings.CutPrefix(name, "socket:[")
	socket, known := l.sockets[strings.TrimSuffix(inode, "]")]
	switch {
	case isSocket && known:
		if len(l.states) > 0 && socket.Protocol == "TCP" && !slices.Contains(l.states, socket.State) {
			return
		}
		if !always && !l.described(fd) && (!l.internet || socket.Kind == "unix" || !l.want.matches(socket)) && (!l.unix || socket.Kind != "unix") {
			return
		}
		name = socket.Name
		file.kind, file.device, file.size = socket.Kind, socket.Device, "0t0"
		if socket.Protocol != "" {
			file.node = socket.Protocol
		}
		if socket.State != "" {
			name += " (" + socket.State + ")"
		}
	case !l.chosen(fd, name, link, file, always):
		return
	case isSocket:
		name = "protocol: " + protocolOf(link)
	case strings.HasPrefix(name, "pipe:["):
		name = "pipe"
	case strings.HasPrefix(name, "anon_inode:"):
		name = strings.TrimPrefix(name, "anon_inode:")
		file.kind, file.size = "a_inode", "0"
	}
	mode, offset := opening(p.pid, fd)
	if file.size == "" && offset != "" {
		file.size = "0t" + offset
	}
	l.add(p, fd+mode, name, file)
}

// chosen reports whether a file that is no known socket is to be printed. name is its path, link leads to it.
func (l *lsof) chosen(fd, name, link string, file described, always bool) bool {
	if l.unlinked {
		return file.kind == "REG" && file.links == "0"
	}
	if always || l.described(fd) {
		return true
	}
	return slices.Contains(l.within, path.Dir(name)) ||
		slices.ContainsFunc(append(slices.Clone(l.within), l.below...), func(dir string) bool { return name == dir }) ||
		slices.ContainsFunc(l.below, func(dir string) bool { return strings.HasPrefix(name, strings.TrimSuffix(dir, "/")+"/") }) ||
		slices.ContainsFunc(l.files, func(file string) bool { return same(file, link) })
}

// described reports whether a descriptor is one of -d.
func (l *lsof) described(fd string) bool {
	return slices.ContainsFunc(l.descriptors, func(one string) bool {
		low, high, is := strings.Cut(one, "-")
		from, err := strconv.Atoi(low)
		to, failed := strconv.Atoi(high)
		n, other := strconv.Atoi(fd)
		return one == fd || is && err == nil && failed == nil && other == nil && from <= n && n <= to
	})
}

// add adds a row.
func (l *lsof) add(p *process, fd, name string, file described) {
	const widest = 9 // of a name of a process
	command := []rune(tool.Printable(p.comm))
	user := p.owner()
	if l.numbers {
		user = strconv.FormatUint(uint64(p.uid), 10)
	}
	if fd[0] > '9' { // no letter says what it is open for
		fd += " "
	}
	l.rows = append(l.rows, []string{
		string(command[:min(len(command), widest)]), strconv.Itoa(p.pid), user, fd + " ", file.kind, file.device, file.size, file.links, file.node, tool.Printable(name),
	})
}
