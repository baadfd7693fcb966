package procs

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/accounts"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/screen"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// top is a call of top.
type top struct {
	delay   time.Duration
	order   byte // of the key that chose it: P, M, T or N
	reverse bool
	full    bool // whole command lines
	each    bool // a line for each processor
	active  bool // no processes that have done nothing
	pids    []int
	user    *uint32 // nil: all
	most    int     // processes that are shown, or 0
	digits  int     // of the largest number of a process

	before     map[int]uint64  // ticks of each process
	processors [][]uint64      // ticks of all processors, and of each
	at         time.Time       // of these
	usage      map[int]float64 // percent of a processor
	load       [][]float64     // percent of the time of all processors, and of each
	list       []process       // as it was shown

	scr     *screen.Screen
	skip    int // processes that are above the screen
	message string
	help    bool
}

// Top shows processes, those that take most of the processors first, again and again.
func Top(args []string) int {
	t := &top{order: 'P', usage: make(map[int]float64), digits: pidDigits()}
	f := tool.Flags("top", "[-b] [-n TIMES] [-d SECONDS] [-o COLUMN] [-c]")
	batch := f.BoolP("batch", "b", false, "print, without a screen")
	times := f.IntP("iterations", "n", 0, "end after so many")
	delay := f.Float64P("delay", "d", 3, "seconds between looks")
	order := f.StringP("order", "o", "%CPU", "%CPU, %MEM, TIME+ or PID; + or - in front of it chooses the direction")
	f.BoolVarP(&t.full, "command-line", "c", false, "whole command lines")
	f.BoolVarP(&t.active, "idle-toggle", "i", false, "no processes that have done nothing")
	f.BoolVarP(&t.each, "single-cpu-toggle", "1", false, "a line for each processor")
	f.IntSliceVarP(&t.pids, "pid", "p", nil, "these processes only")
	user := f.StringP("user", "u", "", "processes of this user only")
	width := f.IntP("width", "w", 1<<30, "the longest line that -b prints")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	if err := t.choose(*user); err != nil {
		return tool.Complain("top", err)
	}
	t.delay = max(time.Duration(*delay*float64(time.Second)), 100*time.Millisecond)
	letters := map[string]byte{"%CPU": 'P', "%MEM": 'M', "RES": 'M', "TIME+": 'T', "TIME": 'T', "PID": 'N'}
	letter, ok := letters[strings.ToUpper(strings.TrimLeft(*order, "+-"))]
	if !ok {
		return tool.Complain("top", fmt.Errorf("-o %s is unknown: %%CPU, %%MEM, TIME+ or PID", tool.Printable(*order)))
	}
	t.order, t.reverse = letter, strings.HasPrefix(*order, "-")
	if *batch || !tool.Terminal() || !term.IsTerminal(0) {
		t.print(*times, *width)
		return 0
	}
	return t.run(*times)
}

// choose shows the processes of a user only, or of all for an empty name.
func (t *top) choose(user string) error {
	if user == "" {
		t.user = nil
		return nil
	}
	id, ok := accounts.Users().ID(user)
	if !ok {
		return fmt.Errorf("there is no user %q", user)
	}
	t.user = &id
	return nil
}

// print prints the table so many times, or for ever.
func (t *top) print(times, width int) {
	for n := 0; (times == 0 || n < times) && !tool.OutputFailed(); n++ {
		if n > 0 {
			time.Sleep(t.delay)
			tool.Println()
		}
		t.look()
		lines := slices.Concat(t.summary(), []string{"", t.header()}, t.rows(0, 1<<30))
		for i, line := range lines {
			if runes := []rune(line); len(runes) > width {
				lines[i] = string(runes[:width])
			}
		}
		tool.Print(strings.Join(lines, "\n") + "\n")
	}
}

// run shows the table until q is typed.
func (t *top) run(times int) int {
	scr, err := screen.Open(screen.Options{})
	if err != nil {
		return tool.Complain("top", err)
	}
	defer scr.Close()
	t.scr = scr
	t.look()
	next := time.Now().Add(t.delay)
	for n := 1; ; {
		t.draw("")
		if n == times {
			return 0
		}
		key := t.scr.Next(max(time.Until(next), time.Millisecond), nil)
		switch {
		case key == screen.Timeout:
			n++
			t.look()
			next = time.Now().Add(t.delay)
		case key == screen.Resized:
		case !t.key(key):
			return 0
		default:
			if soon := time.Now().Add(t.delay); soon.Before(next) {
				next = soon
			}
		}
	}
}

// draw shows the table, or the keys. question is what is asked for.
func (t *top) draw(question string) {
	rows, columns := t.scr.Size()
	var lines []screen.Line
	add := func(style string, list ...string) {
		for _, line := range list {
			lines = append(lines, screen.Line{Text: cutTo(line, columns), Style: style})
		}
	}
	if t.help {
		add("", strings.Split(strings.TrimSpace(topKeys), "\n")...)
		t.scr.Draw(lines, -1, 0)
		return
	}
	add("", t.summary()...)
	row, column := -1, 0
	switch {
	case question != "":
		row, column = len(lines), len([]rune(question))
		add("", question)
	case t.message != "":
		add("7", " "+t.message+" ")
	default:
		add("", "")
	}
	header := t.header()
	add("7", header+strings.Repeat(" ", max(0, columns-len(header))))
	add("", t.rows(t.skip, rows-len(lines))...)
	t.scr.Draw(lines, row, column)
}
