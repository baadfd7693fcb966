package procs

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

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

// Free prints how much memory is used.
func Free(args []string) int {
	f := tool.Flags("free", "[-bkmgh] [-t] [-s SECONDS]")
	units := map[string]*bool{}
	for _, u := range []struct{ name, letter string }{{"bytes", "b"}, {"kibi", "k"}, {"mebi", "m"}, {"gibi", "g"}} {
		units[u.letter] = f.BoolP(u.name, u.letter, false, "units")
	}
	human := f.BoolP("human", "h", false, "sizes such as 2.0Gi")
	total := f.BoolP("total", "t", false, "a total")
	seconds := f.Float64P("seconds", "s", 0, "again after so many seconds")
	wide := f.BoolP("wide", "w", false, "buffers and cache by themselves")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	unit := uint64(1 << 10)
	for letter, shift := range map[string]int{"b": 0, "k": 10, "m": 20, "g": 30} {
		if *units[letter] {
			unit = 1 << shift
		}
	}
	show := func(n uint64) string {
		if *human {
			return humanMemory(n)
		}
		return strconv.FormatUint(n/unit, 10)
	}
	for {
		m, err := memory()
		if err != nil {
			return tool.Complain("free", err)
		}
		used := m["MemTotal"] - min(m["MemTotal"], m["MemAvailable"])
		cache := m["Buffers"] + m["Cached"] + m["SReclaimable"]
		swap := m["SwapTotal"] - m["SwapFree"]
		title, cached := fmt.Sprintf("%11s", "buff/cache"), fmt.Sprintf("%11s", show(cache))
		if *wide {
			title, cached = fmt.Sprintf("%11s %11s", "buffers", "cache"), fmt.Sprintf("%11s %11s", show(m["Buffers"]), show(cache-m["Buffers"]))
		}
		tool.Printf("%20s %11s %11s %11s %s %11s\n", "total", "used", "free", "shared", title, "available")
		tool.Printf("Mem:     %11s %11s %11s %11s %s %11s\n", show(m["MemTotal"]), show(used), show(m["MemFree"]), show(m["Shmem"]), cached, show(m["MemAvailable"]))
		tool.Printf("Swap:    %11s %11s %11s\n", show(m["SwapTotal"]), show(swap), show(m["SwapFree"]))
		if *total {
			tool.Printf("Total:   %11s %11s %11s\n", show(m["MemTotal"]+m["SwapTotal"]), show(used+swap), show(m["MemFree"]+m["SwapFree"]))
		}
		if *seconds <= 0 {
			return 0
		}
		time.Sleep(time.Duration(*seconds * float64(time.Second)))
		tool.Println()
	}
}

func humanMemory(n uint64) string {
	if n < 1024 {
		return strconv.FormatUint(n, 10) + "B"
	}
	value, unit := float64(n), -1
	for value >= 1024 && unit < 5 {
		value /= 1024
		unit++
	}
	if value < 10 {
		return fmt.Sprintf("%.1f%ci", value, "KMGTPE"[unit])
	}
	return fmt.Sprintf("%d%ci", uint64(value), "KMGTPE"[unit])
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
		tool.Println("up", now.uptime.Truncate(time.Minute))
		return 0
	}
	tool.Println(summary(now))
	return 0
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
