package procs

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mattn/go-runewidth"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// pidDigits returns how many digits the largest number of a process has, but at least 5.
func pidDigits() int {
	text, _ := os.ReadFile("/proc/sys/kernel/pid_max")
	most, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	return max(5, len(strconv.Itoa(most-1)))
}

// cutTo cuts a text to a width.
func cutTo(text string, columns int) string { return runewidth.Truncate(text, columns, "") }

// look reads the processes, and computes what they used.
func (t *top) look() {
	t.list = slices.DeleteFunc(all(), func(p process) bool {
		return t.pids != nil && !slices.Contains(t.pids, p.pid) || t.user != nil && p.uid != *t.user
	})
	for i := range t.list {
		if resident, _ := t.list[i].exactly(); resident > 0 {
			t.list[i].resident = resident
		}
	}
	t.measure(t.list, machineTimes())
	t.sort()
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
	ticks := processorTicks()
	load := make([][]float64, len(ticks))
	for i, now := range ticks {
		load[i] = make([]float64, len(now))
		var before []uint64
		if i < len(t.processors) {
			before = t.processors[i]
		}
		sum := 0.0
		for j, n := range now {
			if j < len(before) {
				n -= min(n, before[j])
			}
			load[i][j] = float64(n)
			sum += load[i][j]
		}
		for j := range load[i] {
			load[i][j] *= 100 / max(sum, 1)
		}
	}
	t.processors, t.load = ticks, load
}

// processorTicks returns what all processors and each of them did: user, nice, system, idle, iowait, irq, softirq, steal.
func processorTicks() (list [][]uint64) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) < 9 || !strings.HasPrefix(fields[0], "cpu") {
			break
		}
		row := make([]uint64, 8)
		for i := range row {
			row[i], _ = strconv.ParseUint(fields[i+1], 10, 64)
		}
		list = append(list, row)
	}
	return list
}

// sort sorts the processes as it was chosen.
func (t *top) sort() {
	slices.SortStableFunc(t.list, func(a, b process) int {
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
		if c == 0 {
			c = cmp.Compare(a.pid, b.pid)
		}
		if t.reverse {
			return -c
		}
		return c
	})
}

// summary returns the lines above the processes.
func (t *top) summary() []string {
	states := make(map[string]int)
	for _, p := range t.list {
		states[p.state]++
	}
	lines := []string{
		"top -" + summary(machineTimes()),
		fmt.Sprintf("Tasks: %3d total, %3d running, %3d sleeping, %3d stopped, %3d zombie", len(t.list), states["R"],
			states["S"]+states["I"]+states["D"], states["T"]+states["t"], states["Z"]),
	}
	for i, l := range t.load {
		name := fmt.Sprintf("%%Cpu%-3d:", i-1)
		if i == 0 {
			name = "%Cpu(s):"
		}
		if (i > 0) == t.each {
			lines = append(lines, fmt.Sprintf("%s%5.1f us,%5.1f sy,%5.1f ni,%5.1f id,%5.1f wa,%5.1f hi,%5.1f si,%5.1f st ", name, l[0], l[2], l[1], l[3], l[4], l[5], l[6], l[7]))
		}
	}
	m, _ := memory()
	mib := func(n uint64) float64 { return float64(n) / (1 << 20) }
	cache := m["Buffers"] + m["Cached"] + m["SReclaimable"]
	return append(lines,
		fmt.Sprintf("MiB Mem : %8.1f total, %8.1f free, %8.1f used, %8.1f buff/cache     ", mib(m["MemTotal"]), mib(m["MemFree"]),
			mib(m["MemTotal"]-min(m["MemTotal"], m["MemAvailable"])), mib(cache)),
		fmt.Sprintf("MiB Swap: %8.1f total, %8.1f free, %8.1f used. %8.1f avail Mem ", mib(m["SwapTotal"]), mib(m["SwapFree"]),
			mib(m["SwapTotal"]-min(m["SwapTotal"], m["SwapFree"])), mib(m["MemAvailable"])),
	)
}

func (t *top) header() string {
	return fmt.Sprintf("%*s USER      PR  NI    VIRT    RES    SHR S  %%CPU  %%MEM     TIME+ COMMAND", t.digits, "PID")
}

// rows returns the lines of processes.
func (t *top) rows(from, most int) (lines []string) {
	now := machineTimes()
	if t.most > 0 {
		most = min(most, t.most)
	}
	for _, p := range t.list[min(from, len(t.list)):] {
		if len(lines) >= most {
			break
		}
		if t.active && t.usage[p.pid] == 0 && p.state != "R" {
			continue
		}
		name := p.comm
		if t.full {
			name = p.args()
		}
		user := p.owner()
		if len(user) > 8 {
			user = user[:7] + "+"
		}
		priority := fmt.Sprintf("%3d", p.priority)
		if p.priority < -99 {
			priority = " rt"
		}
		used := p.user + p.system
		_, shared := p.exactly()
		lines = append(lines, fmt.Sprintf("%*d %-8s %s %3d %7s %6s %6s %s %5s %5.1f %9s %s", t.digits, p.pid, user, priority, p.nice,
			topSize(p.virtual, 7), topSize(p.resident, 6), topSize(shared, 6), p.state, topPercent(t.usage[p.pid]), now.mem(&p), topTime(used), tool.Printable(name)))
	}
	return lines
}

// exactly returns the memory that a process has resident, and that of files and of shared memory in it. The kernel counts less
// exactly for /proc/PID/stat.
func (p *process) exactly() (resident, shared uint64) {
	text, _ := os.ReadFile("/proc/" + strconv.Itoa(p.pid) + "/statm")
	fields := strings.Fields(string(text))
	if len(fields) < 3 {
		return 0, 0
	}
	resident, _ = strconv.ParseUint(fields[1], 10, 64)
	shared, _ = strconv.ParseUint(fields[2], 10, 64)
	page := uint64(os.Getpagesize())
	return resident * page, shared * page
}

func topPercent(n float64) string {
	if n >= 999.5 {
		return fmt.Sprintf("%.0f", n)
	}
	return fmt.Sprintf("%.1f", n)
}

// topTime returns a time in hundredths of a second.
func topTime(ticksUsed uint64) string {
	seconds := ticksUsed / ticks
	text := fmt.Sprintf("%d:%02d.%02d", seconds/60, seconds%60, ticksUsed%ticks)
	if len(text) > 9 {
		text = fmt.Sprintf("%d:%02d", seconds/60, seconds%60)
	}
	return text
}

// topSize returns a size in KiB, or in a larger unit if it is too wide for that.
func topSize(bytes uint64, width int) string {
	kib := bytes / 1024
	text := strconv.FormatUint(kib, 10)
	if len(text) <= width {
		return text
	}
	size := float64(kib)
	for _, unit := range "mgtp" {
		size /= 1024
		if text = fmt.Sprintf("%.1f%c", size, unit); len(text) <= width {
			return text
		}
	}
	return text
}
