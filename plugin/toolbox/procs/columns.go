package procs

import (
	"cmp"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/accounts"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// column is a column of ps.
type column struct {
	title string
	left  bool
	width int // at least
	value func(*process, times) string
	less  func(a, b *process) int // nil: by value
}

func clock(seconds uint64) string {
	return fmt.Sprintf("%02d:%02d:%02d", seconds/3600, seconds/60%60, seconds%60)
}

func elapsed(d time.Duration) string {
	s := uint64(d / time.Second)
	switch days := s / 86400; {
	case days > 0:
		return fmt.Sprintf("%d-%s", days, clock(s%86400))
	case s >= 3600:
		return clock(s)
	}
	return fmt.Sprintf("%02d:%02d", s/60, s%60)
}

func startTime(t time.Time) string {
	switch now := time.Now(); {
	case t.Year() != now.Year():
		return t.Format("2006")
	case t.YearDay() != now.YearDay():
		return t.Format("Jan02")
	}
	return t.Format("15:04")
}

func numeric(title string, width int, n func(*process) int) column {
	return column{
		title, false, width, func(p *process, _ times) string { return strconv.Itoa(n(p)) },
		func(a, b *process) int { return cmp.Compare(n(a), n(b)) },
	}
}

func textual(title string, width int, text func(*process) string) column {
	return column{title: title, left: true, width: width, value: func(p *process, _ times) string { return text(p) }}
}

// namespaced is the column of a kind of namespaces.
func namespaced(kind string) column {
	return column{title: strings.ToUpper(kind) + "NS", width: 10, value: func(p *process, _ times) string { return p.namespace(kind) }}
}

// class returns the class of scheduling, as sched(7) names them.
func (p *process) class() string {
	names := []string{"TS", "FF", "RR", "B", "?", "IDL", "DLN"}
	if p.policy >= 0 && p.policy < len(names) {
		return names[p.policy]
	}
	return "?"
}

func (p *process) realtime() string {
	if p.rtPriority == 0 {
		return "-"
	}
	return strconv.Itoa(p.rtPriority)
}

// tenths writes a number with a digit behind the point, rounded down as procps does.
func tenths(n float64) string { return fmt.Sprintf("%.1f", math.Floor(n*10)/10) }

// columns are the columns by name.
var columns = map[string]column{
	"pid":      numeric("PID", 5, func(p *process) int { return p.pid }),
	"ppid":     numeric("PPID", 5, func(p *process) int { return p.ppid }),
	"pgid":     numeric("PGID", 5, func(p *process) int { return p.pgrp }),
	"sid":      numeric("SID", 5, func(p *process) int { return p.session }),
	"uid":      numeric("UID", 5, func(p *process) int { return int(p.uid) }),
	"gid":      numeric("GID", 5, func(p *process) int { return int(p.gid) }),
	"ruid":     numeric("RUID", 5, func(p *process) int { return int(p.ruid) }),
	"rgid":     numeric("RGID", 5, func(p *process) int { return int(p.rgid) }),
	"tgid":     numeric("TGID", 5, func(p *process) int { return p.pid }),
	"rgroup":   textual("RGROUP", 8, func(p *process) string { return tool.Printable(accounts.Groups().Name(p.rgid)) }),
	"fname":    textual("COMMAND", 8, func(p *process) string { return tool.Printable(p.comm[:min(8, len(p.comm))]) }),
	"cgroup":   textual("CGROUP", 27, (*process).cgroup),
	"exe":      textual("EXE", 27, (*process).executable),
	"cgroupns": namespaced("cgroup"),
	"ipcns":    namespaced("ipc"),
	"mntns":    namespaced("mnt"),
	"netns":    namespaced("net"),
	"pidns":    namespaced("pid"),
	"userns":   namespaced("user"),
	"utsns":    namespaced("uts"),
	"lwp":      numeric("LWP", 5, func(p *process) int { return p.lwp }),
	"ruser":    textual("RUSER", 8, func(p *process) string { return tool.Printable(accounts.Users().Name(p.ruid)) }),
	"ni":       numeric("NI", 3, func(p *process) int { return p.nice }),
	"pri":      numeric("PRI", 3, func(p *process) int { return 39 - p.priority }),
	"nlwp":     numeric("NLWP", 4, func(p *process) int { return p.threads }),
	"psr":      numeric("PSR", 3, func(p *process) int { return p.processor }),
	"vsz":      numeric("VSZ", 6, func(p *process) int { return int(p.virtual / 1024) }),
	"rss":      numeric("RSS", 5, func(p *process) int { return int(p.resident / 1024) }),
	"tpgid":    numeric("TPGID", 5, func(p *process) int { return p.foreground }),
	"sz":       numeric("SZ", 5, func(p *process) int { return int(p.virtual) / os.Getpagesize() }),
	"maj_flt":  numeric("MAJFL", 6, func(p *process) int { return p.majorFaults }),
	"min_flt":  numeric("MINFL", 6, func(p *process) int { return p.minorFaults }),
	"f":        numeric("F", 1, func(p *process) int { return p.flags >> 6 & 7 }),
	"addrsz": {title: "ADDR SZ", width: 7, value: func(p *process, _ times) string {
		return "- " + strconv.Itoa(int(p.virtual)/os.Getpagesize())
	}},
	"cls":    {title: "CLS", width: 3, value: func(p *process, _ times) string { return p.class() }},
	"rtprio": {title: "RTPRIO", width: 6, value: func(p *process, _ times) string { return p.realtime() }},
	"bsdtty": textual("TTY", 8, (*process).terminal),
	"user":   textual("USER", 8, (*process).owner),
	"group":  textual("GROUP", 8, func(p *process) string { return tool.Printable(accounts.Groups().Name(p.gid)) }),
	"comm":   textual("COMMAND", 15, func(p *process) string { return tool.Printable(p.comm) }),
	"args":   textual("COMMAND", 27, func(p *process) string { return tool.Printable(p.args()) }),
	"cmd":    textual("CMD", 27, func(p *process) string { return tool.Printable(p.args()) }),
	"ucmd":   textual("CMD", 15, func(p *process) string { return tool.Printable(p.comm) }),
	"stat":   textual("STAT", 4, (*process).stat),
	"s":      textual("S", 1, func(p *process) string { return p.state }),
	"tty":    textual("TTY", 8, (*process).terminal),
	"wchan": textual("WCHAN", 6, func(p *process) string {
		text, err := os.ReadFile("/proc/" + strconv.Itoa(p.pid) + "/wchan")
		if err != nil || len(text) == 0 || string(text) == "0" {
			return "-"
		}
		return string(text)
	}),
	"time": {
		"TIME", false, 8, func(p *process, _ times) string { return clock((p.user + p.system) / ticks) },
		func(a, b *process) int { return cmp.Compare(a.user+a.system, b.user+b.system) },
	},
	"bsdtime": {title: "TIME", width: 6, value: func(p *process, _ times) string {
		s := (p.user + p.system) / ticks
		return fmt.Sprintf("%d:%02d", s/60, s%60)
	}},
	"etime": {
		"ELAPSED", false, 11, func(p *process, t times) string { return elapsed(t.age(p)) },
		func(a, b *process) int { return cmp.Compare(b.start, a.start) },
	},
	"etimes": {
		"ELAPSED", false, 7, func(p *process, t times) string { return strconv.Itoa(int(t.age(p) / time.Second)) },
		func(a, b *process) int { return cmp.Compare(b.start, a.start) },
	},
	"start": {
		"START", true, 5, func(p *process, t times) string { return startTime(t.started(p)) },
		func(a, b *process) int { return cmp.Compare(a.start, b.start) },
	},
	"started": {
		"STARTED", false, 8, func(p *process, t times) string {
			if at := t.started(p); time.Since(at) >= 24*time.Hour {
				return at.Format("Jan 02")
			}
			return t.started(p).Format("15:04:05")
		},
		func(a, b *process) int { return cmp.Compare(a.start, b.start) },
	},
	"tt":      textual("TT", 8, (*process).terminal),
	"thcount": numeric("THCNT", 5, func(p *process) int { return p.threads }),
	"lstart": {
		"STARTED", false, 24, func(p *process, t times) string { return t.started(p).Format("Mon Jan _2 15:04:05 2006") },
		func(a, b *process) int { return cmp.Compare(a.start, b.start) },
	},
	"c": {title: "C", width: 2, value: func(p *process, t times) string { return strconv.Itoa(min(99, int(t.cpu(p)))) }},
	"pcpu": {
		"%CPU", false, 4, func(p *process, t times) string { return tenths(t.cpu(p)) }, nil,
	},
	"pmem": {
		"%MEM", false, 4, func(p *process, t times) string { return tenths(t.mem(p)) },
		func(a, b *process) int { return cmp.Compare(a.resident, b.resident) },
	},
}

// asked are the columns that -o shows by names of others.
var asked = map[string]string{"tty": "tt", "start": "started"}

// titles are those of columns that another column's values are shown in.
var titles = map[string]string{
	"euser": "EUSER", "egroup": "EGROUP", "euid": "EUID", "egid": "EGID", "pgrp": "PGRP", "sess": "SESS", "session": "SESS", "spid": "SPID", "tid": "TID",
	"rsz": "RSZ", "policy": "POL", "stime": "STIME", "majflt": "MAJFLT", "minflt": "MINFLT",
}

// other are the columns' other names.
var other = map[string]string{
	"%cpu": "pcpu", "%mem": "pmem", "command": "args", "cmd": "cmd", "tname": "tty", "stime": "start", "state": "s",
	"pgrp": "pgid", "sess": "sid", "session": "sid", "vsize": "vsz", "rssize": "rss", "euser": "user", "uname": "user", "spid": "lwp", "tid": "lwp",
	"euid": "uid", "egid": "gid", "policy": "cls", "class": "cls", "flags": "f", "flag": "f", "majflt": "maj_flt", "minflt": "min_flt", "ucomm": "comm", "nice": "ni", "cputime": "time", "egroup": "group", "rsz": "rss", "start_time": "start",
}

func columnOf(name string) (column, bool) {
	name = strings.ToLower(name)
	if full, ok := other[name]; ok {
		name = full
	}
	c, ok := columns[name]
	return c, ok
}
