package procs

import (
	"cmp"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/accounts"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// top is a call of top.
type top struct {
	delay   time.Duration
	order   byte // of the key that chose it: P, M, T or N
	reverse bool
	full    bool // whole command lines
	pids    []int
	user    *uint32 // nil: all

	before map[int]uint64 // ticks of each process
	idle   [2]uint64      // of the machine: idle, all
	at     time.Time
	usage  map[int]float64 // percent of a processor
	busy   float64         // percent of the machine
}

// Top shows processes, those that take most of the processors first, again and again.
func Top(args []string) int {
	t := &top{order: 'P', usage: make(map[int]float64)}
	f := tool.Flags("top", "[-b] [-n TIMES] [-d SECONDS] [-o COLUMN] [-c]")
	batch := f.BoolP("batch", "b", false, "print, without a screen")
	times := f.IntP("iterations", "n", 0, "end after so many")
	delay := f.Float64P("delay", "d", 3, "seconds between looks")
	order := f.StringP("order", "o", "%CPU", "%CPU, %MEM, TIME+ or PID")
	f.BoolVarP(&t.full, "command-line", "c", false, "whole command lines")
	f.IntSliceVarP(&t.pids, "pid", "p", nil, "these processes only")
	user := f.StringP("user", "u", "", "processes of this user only")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	if *user != "" {
		id, ok := accounts.Users().ID(*user)
		if !ok {
			return tool.Complain("top", fmt.Errorf("there is no user %q", *user))
		}
		t.user = &id
	}
	t.delay = max(time.Duration(*delay*float64(time.Second)), 100*time.Millisecond)
	letters := map[string]byte{"%CPU": 'P', "%MEM": 'M', "RES": 'M', "TIME+": 'T', "TIME": 'T', "PID": 'N'}
	letter, ok := letters[strings.ToUpper(strings.TrimLeft(*order, "+-"))]
	if !ok {
		return tool.Complain("top", fmt.Errorf("-o %s is unknown: %%CPU, %%MEM, TIME+ or PID", tool.Printable(*order)))
	}
	t.order = letter
	if *batch || !tool.Terminal() || !term.IsTerminal(0) {
		for n := 0; *times == 0 || n < *times; n++ {
			if n > 0 {
				time.Sleep(t.delay)
				fmt.Println()
			}
			fmt.Print(strings.Join(t.lines(1<<30, 1<<30), "\n") + "\n")
		}
		return 0
	}
	return t.screen(*times)
}

// screen shows the table until q is typed.
func (t *top) screen(times int) int {
	old, err := term.MakeRaw(0)
	if err != nil {
		return tool.Complain("top", err)
	}
	fmt.Print("\x1b[?1049h\x1b[?25l")
	defer func() {
		fmt.Print("\x1b[?25h\x1b[?1049l")
		_ = term.Restore(0, old)
	}()
	keys := make(chan byte)
	go func() {
		var b [1]byte
		for {
			if n, err := os.Stdin.Read(b[:]); err != nil || n == 0 {
				close(keys)
				return
			}
			keys <- b[0]
		}
	}()
	resized := make(chan os.Signal, 1)
	signal.Notify(resized, syscall.SIGWINCH)
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM, syscall.SIGHUP)
	for n := 1; ; n++ {
		t.draw()
		if n == times {
			return 0
		}
		select {
		case key, ok := <-keys:
			if !ok || !t.key(key) {
				return 0
			}
		case <-resized:
		case <-ended:
			return 0
		case <-time.After(t.delay):
		}
	}
}

// key handles a key, and returns false for the one that ends.
func (t *top) key(key byte) bool {
	switch key {
	case 'q', 3: // ^C
		return false
	case 'P', 'M', 'T', 'N':
		t.order = key
	case 'R':
		t.reverse = !t.reverse
	case 'c':
		t.full = !t.full
	}
	return true
}

func (t *top) draw() {
	rows, columns := 24, 80
	if size, err := unix.IoctlGetWinsize(1, unix.TIOCGWINSZ); err == nil && size.Row > 0 && size.Col > 0 {
		rows, columns = int(size.Row), int(size.Col)
	}
	var out strings.Builder
	out.WriteString("\x1b[H")
	for i, line := range t.lines(rows, columns) {
		if i > 0 {
			out.WriteString("\r\n")
		}
		if i == 4 {
			line = "\x1b[7m" + line + strings.Repeat(" ", max(0, columns-len([]rune(line)))) + "\x1b[0m"
		}
		out.WriteString(line + "\x1b[K")
	}
	out.WriteString("\x1b[J")
	_, _ = os.Stdout.WriteString(out.String())
}

// lines returns the summary and as many processes as there are rows for.
func (t *top) lines(rows, columns int) []string {
	now := machineTimes()
	list := slices.DeleteFunc(all(), func(p process) bool {
		return t.pids != nil && !slices.Contains(t.pids, p.pid) || t.user != nil && p.uid != *t.user
	})
	t.measure(list, now)
	t.sort(list)
	states := make(map[string]int)
	for _, p := range list {
		states[p.state]++
	}
	m, _ := memory()
	const mib = 1 << 20
	lines := []string{
		"top -" + summary(now),
		fmt.Sprintf("Tasks: %d total, %d running, %d sleeping, %d stopped, %d zombie    CPU: %.1f%% busy", len(list), states["R"],
			states["S"]+states["I"]+states["D"], states["T"]+states["t"], states["Z"], t.busy),
		fmt.Sprintf("MiB Mem : %.1f total, %.1f free, %.1f available    Swap: %.1f total, %.1f free", float64(m["MemTotal"])/mib,
			float64(m["MemFree"])/mib, float64(m["MemAvailable"])/mib, float64(m["SwapTotal"])/mib, float64(m["SwapFree"])/mib),
		"",
		"    PID USER      PR  NI    VIRT    RES S  %CPU  %MEM     TIME+ COMMAND",
	}
	for _, p := range list {
		if len(lines) >= rows {
			break
		}
		name := p.comm
		if t.full {
			name = p.args()
		}
		user := p.owner()
		if len(user) > 8 {
			user = user[:7] + "+"
		}
		ticksUsed := p.user + p.system
		lines = append(lines, fmt.Sprintf("%7d %-8s %3d %3d %7s %6s %s %5.1f %5.1f %6d:%02d.%02d %s", p.pid, user, p.priority, p.nice,
			topSize(p.virtual), topSize(p.resident), p.state, t.usage[p.pid], now.mem(&p), ticksUsed/ticks/60, ticksUsed/ticks%60, ticksUsed%ticks, tool.Printable(name)))
	}
	for i, line := range lines {
		if runes := []rune(line); len(runes) > columns {
			lines[i] = string(runes[:columns])
		}
	}
	return lines
}

func topSize(bytes uint64) string {
	kib := bytes / 1024
	switch {
	case kib >= 10<<20:
		return fmt.Sprintf("%.1fg", float64(kib)/(1<<20))
	case kib > 999999:
		return fmt.Sprintf("%.1fm", float64(kib)/(1<<10))
	}
	return fmt.Sprint(kib)
}

// measure computes what each process used since the last time; the first time, since its start.
func (t *top) measure(list []process, now times) {
	at := time.Now()
	used := make(map[int]uint64)
	for _, p := range list {
		used[p.pid] = p.user + p.system
		if old, ok := t.before[p.pid]; ok && used[p.pid] >= old {
			t.usage[p.pid] = 100 * float64(used[p.pid]-old) / ticks / max(at.Sub(t.at).Seconds(), 0.01)
		} else {
			t.usage[p.pid] = now.cpu(&p)
		}
	}
	t.before, t.at = used, at
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return
	}
	line, _, _ := strings.Cut(string(text), "\n")
	var idle, sum uint64
	for i, field := range strings.Fields(line) {
		var n uint64
		if _, err := fmt.Sscan(field, &n); i == 0 || err != nil || i > 8 {
			continue
		}
		sum += n
		if i == 4 || i == 5 {
			idle += n
		}
	}
	if all := sum - t.idle[1]; all > 0 {
		t.busy = 100 * (1 - float64(idle-t.idle[0])/float64(all))
	}
	t.idle = [2]uint64{idle, sum}
}

func (t *top) sort(list []process) {
	slices.SortStableFunc(list, func(a, b process) int {
		c := 0
		switch t.order {
		case 'P':
			c = cmp.Compare(t.usage[b.pid], t.usage[a.pid])
		case 'M':
			c = cmp.Compare(b.resident, a.resident)
		case 'T':
			c = cmp.Compare(b.user+b.system, a.user+a.system)
		case 'N':
			c = cmp.Compare(b.pid, a.pid)
		}
		if t.reverse {
			return -c
		}
		return c
	})
}
