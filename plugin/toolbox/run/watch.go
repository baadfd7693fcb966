package run

import (
	"os/exec"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// Watch runs a command again and again, and shows what it prints.
func Watch(args []string) int {
	f := tool.Flags("watch", "[-n SECONDS] [-t] [-e] [-g] COMMAND [ARG...]")
	f.SetInterspersed(false)
	interval := f.Float64P("interval", "n", 2, "seconds between runs")
	noTitle := f.BoolP("no-title", "t", false, "no title")
	onError := f.BoolP("errexit", "e", false, "end if the command fails")
	change := f.BoolP("chgexit", "g", false, "end when the output changes")
	differences := f.BoolP("differences", "d", false, "show what has changed in reverse")
	direct := f.BoolP("exec", "x", false, "run the command without a shell")
	f.BoolP("color", "c", false, "pass colors on (the default)")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	if f.NArg() == 0 {
		return tool.Misused(f)
	}
	before := ""
	for first := true; ; first = false {
		cmd := exec.Command(tool.Self(), "-c", strings.Join(f.Args(), " "))
		cmd.Args[0] = "sh"
		if *direct {
			cmd = exec.Command(f.Arg(0), f.Args()[1:]...)
		}
		text, err := cmd.CombinedOutput()
		if tool.Terminal() {
			tool.Print("\x1b[H\x1b[2J")
		}
		if !*noTitle {
			tool.Printf("Every %gs: %s    %s\n\n", *interval, strings.Join(f.Args(), " "), time.Now().Format(time.DateTime))
		}
		shown := firstScreen(text)
		if *differences && !first {
			shown = []byte(marked(string(shown), before))
		}
		tool.Stdout.Write(shown)
		status, _ := tool.Status(err)
		switch {
		case *onError && status != 0:
			return status
		case *change && !first && string(text) != before, tool.OutputFailed():
			return 0
		}
		before = string(text)
		time.Sleep(time.Duration(*interval * float64(time.Second)))
	}
}

// marked shows the characters in reverse that differ from those at their place before.
func marked(now, before string) string {
	var out strings.Builder
	old := strings.Split(before, "\n")
	for i, line := range strings.SplitAfter(now, "\n") {
		var was []rune
		if i < len(old) {
			was = []rune(old[i])
		}
		for j, r := range []rune(line) {
			if r == '\n' || j < len(was) && was[j] == r {
				out.WriteRune(r)
			} else {
				out.WriteString("\x1b[7m" + string(r) + "\x1b[27m")
			}
		}
	}
	return out.String()
}

// firstScreen returns as many lines as the terminal has, less the title.
func firstScreen(text []byte) []byte {
	size, err := unix.IoctlGetWinsize(1, unix.TIOCGWINSZ)
	if err != nil || size.Row < 4 {
		return text
	}
	lines := strings.SplitAfter(string(text), "\n")
	return []byte(strings.TrimRight(strings.Join(lines[:min(len(lines), int(size.Row)-3)], ""), "\n") + "\n")
}
