package procs

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// memory returns the values of /proc/meminfo in bytes.
func memory() (map[string]uint64, error) {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return nil, err
	}
	values := make(map[string]uint64)
	for line := range strings.SplitSeq(string(text), "\n") {
		name, rest, _ := strings.Cut(line, ":")
		if fields := strings.Fields(rest); len(fields) > 0 {
			n, _ := strconv.ParseUint(fields[0], 10, 64)
			values[name] = n * 1024
		}
	}
	return values, nil
}

// freeUnits are the units of free, each by a letter and by names of the powers of 1024 and of 1000.
var freeUnits = []struct{ letter, binary, decimal string }{
	{"b", "bytes", ""}, {"k", "kibi", "kilo"}, {"m", "mebi", "mega"}, {"g", "gibi", "giga"}, {"", "tebi", "tera"}, {"", "pebi", "peta"},
}

// freeCall is a call of free.
type freeCall struct {
	total, wide, lowHigh, committed bool
	show                            func(bytes uint64) string
}

// Free prints how much memory is used.
func Free(args []string) int {
	c := &freeCall{}
	f := tool.Flags("free", "[-bkmghltvw] [-s SECONDS] [-c COUNT]")
	for _, u := range freeUnits {
		f.BoolP(u.binary, u.letter, false, "units")
		if u.decimal != "" {
			f.Bool(u.decimal, false, "units of 1000")
		}
	}
	human := f.BoolP("human", "h", false, "sizes such as 2.0Gi")
	si := f.Bool("si", false, "powers of 1000 instead of 1024")
	f.BoolVarP(&c.lowHigh, "lohi", "l", false, "low and high memory")
	f.BoolVarP(&c.total, "total", "t", false, "a total")
	f.BoolVarP(&c.committed, "committed", "v", false, "memory that was promised")
	f.BoolVarP(&c.wide, "wide", "w", false, "buffers and cache by themselves")
	seconds := f.Float64P("seconds", "s", 0, "again after so many seconds")
	count := f.IntP("count", "c", 0, "so many times, each after a second if -s does not say otherwise")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	base, power, err := freeUnit(f)
	if err != nil {
		return tool.Complain("free", err)
	}
	if *si {
		base = 1000
	}
	c.show = func(n uint64) string {
		if *human {
			return humanMemory(n, *si)
		}
		return strconv.FormatUint(uint64(float64(n)/math.Pow(base, float64(power))), 10)
	}
	if *count > 0 && *seconds <= 0 {
		*seconds = 1
	}
	for i := 1; ; i++ {
		m, err := memory()
		if err != nil {
			return tool.Complain("free", err)
		}
		c.print(m)
		if *seconds <= 0 || i == *count {
			return 0
		}
		time.Sleep(time.Duration(*seconds * float64(time.Second)))
		tool.Println()
	}
}

// freeUnit returns the unit that was chosen, as a power.
func freeUnit(f *pflag.FlagSet) (base float64, power int, err error) {
	base, power = 1024, 1
	chosen := 0
	for i, u := range freeUnits {
		for name, of := range map[string]float64{u.binary: 1024, u.decimal: 1000} {
			if name != "" && f.Changed(name) {
				power, base = i, of
				chosen++
			}
		}
	}
	if chosen > 1 {
		err = errors.New("multiple unit options don't make sense")
	}
	return base, power, err
}

func (c *freeCall) print(m map[string]uint64) {
	show := c.show
	used := m["MemTotal"] - min(m["MemTotal"], m["MemAvailable"])
	cache := m["Buffers"] + m["Cached"] + m["SReclaimable"]
	swap := m["SwapTotal"] - m["SwapFree"]
	title, cached := fmt.Sprintf("%11s", "buff/cache"), fmt.Sprintf("%11s", show(cache))
	if c.wide {
		title, cached = fmt.Sprintf("%11s %11s", "buffers", "cache"), fmt.Sprintf("%11s %11s", show(m["Buffers"]), show(cache-m["Buffers"]))
	}
	tool.Printf("%20s %11s %11s %11s %s %11s\n", "total", "used", "free", "shared", title, "available")
	tool.Printf("Mem:     %11s %11s %11s %11s %s %11s\n", show(m["MemTotal"]), show(used), show(m["MemFree"]), show(m["Shmem"]), cached, show(m["MemAvailable"]))
	row := func(name string, total, used, free uint64) {
		tool.Printf("%-8s %11s %11s %11s\n", name, show(total), show(used), show(free))
	}
	if c.lowHigh {
		low, lowFree := m["LowTotal"], m["LowFree"]
		if low == 0 { // all memory of 64 bits is low
			low, lowFree = m["MemTotal"], m["MemFree"]
		}
		row("Low:", low, low-lowFree, lowFree)
		row("High:", m["HighTotal"], m["HighTotal"]-m["HighFree"], m["HighFree"])
	}
	row("Swap:", m["SwapTotal"], swap, m["SwapFree"])
	if c.total {
		row("Total:", m["MemTotal"]+m["SwapTotal"], used+swap, m["MemFree"]+m["SwapFree"])
	}
	if c.committed {
		row("Comm:", m["CommitLimit"], m["Committed_AS"], m["CommitLimit"]-min(m["CommitLimit"], m["Committed_AS"]))
	}
}

// humanMemory writes a size as free -h does: in five characters, or four with powers of 1000.
func humanMemory(n uint64, si bool) string {
	base, mark, widest := 1024.0, "i", 5
	if si {
		base, mark, widest = 1000, "", 4
	}
	text := strconv.FormatUint(n, 10) + "B"
	if len(text) <= 4 {
		return text
	}
	value := float64(n)
	for _, letter := range "KMGTPE" {
		value /= base
		if text = fmt.Sprintf("%.1f%c%s", value, letter, mark); len(text) <= widest {
			return text
		}
		if text = fmt.Sprintf("%d%c%s", uint64(value), letter, mark); len(text) <= widest {
			return text
		}
	}
	return text
}

// Uptime prints how long the machine has run, and its load.
func Uptime(args []string) int {
	f := tool.Flags("uptime", "[-ps]")
	pretty := f.BoolP("pretty", "p", false, "the time only")
	since := f.BoolP("since", "s", false, "since when")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	now := machineTimes()
	switch {
	case *since:
		tool.Println(now.boot.Format(time.DateTime))
		return 0
	case *pretty:
		tool.Println("up " + longTime(now.uptime))
		return 0
	}
	tool.Println(summary(now))
	return 0
}

// longTime writes a time as uptime -p does.
func longTime(d time.Duration) string {
	minutes := int(d / time.Minute)
	var words []string
	for _, unit := range []struct {
		minutes int
		name    string
	}{{365 * 24 * 60, "year"}, {7 * 24 * 60, "week"}, {24 * 60, "day"}, {60, "hour"}, {1, "minute"}} {
		n := minutes / unit.minutes
		minutes %= unit.minutes
		switch {
		case n > 1:
			words = append(words, fmt.Sprintf("%d %ss", n, unit.name))
		case n == 1:
			words = append(words, "1 "+unit.name)
		}
	}
	if len(words) == 0 {
		return "0 minutes"
	}
	return strings.Join(words, ", ")
}

// summary is the line of uptime, which top shows too.
func summary(now times) string {
	days, rest := int(now.uptime/(24*time.Hour)), now.uptime%(24*time.Hour)
	up := ""
	switch days {
	case 0:
	case 1:
		up = "1 day, "
	default:
		up = fmt.Sprintf("%d days, ", days)
	}
	if hours := int(rest.Hours()); hours > 0 {
		up += fmt.Sprintf("%2d:%02d", hours, int(rest.Minutes())%60)
	} else {
		up += fmt.Sprintf("%d min", int(rest.Minutes()))
	}
	load := "unknown"
	if text, err := os.ReadFile("/proc/loadavg"); err == nil {
		if fields := strings.Fields(string(text)); len(fields) >= 3 {
			load = strings.Join(fields[:3], ", ")
		}
	}
	return fmt.Sprintf(" %s up %s,  load average: %s", time.Now().Format(time.TimeOnly), up, load)
}
