package lines_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/lines"
)

func labels(names ...string) []lines.Label {
	var list []lines.Label
	for _, name := range names {
		list = append(list, lines.Label{Container: name})
	}
	return list
}

func write(t *testing.T, w io.Writer, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if n, err := io.WriteString(w, part); n != len(part) || err != nil {
			t.Fatal(n, err)
		}
	}
}

func TestLines(t *testing.T) {
	long := strings.Repeat("x", 70<<10)
	for _, row := range []struct {
		name      string
		options   lines.Options
		parts     []string
		want, err string
	}{
		{"lines", lines.Options{Prefix: true}, []string{"one\ntw", "o\n", "\nthree"}, "web  | one\nweb  | two\nweb  | \nweb  | three\n", "web  | e\n"},
		{"no prefix", lines.Options{}, []string{"one\n"}, "one\n", "e\n"},
		{"raw", lines.Options{}, []string{"a\rb\x1b[2J\xff\n"}, "a\rb\x1b[2J\xff\n", "e\n"},
		{
			"at a terminal",
			lines.Options{Prefix: true, Terminal: [2]bool{true, false}},
			[]string{"a\rdb   | forged\x1b[2J\x1b[A\t\x1b[1;31mred\x1b[38:2:1:2:3m\xff\u202e\r\nplain\r\n"},
			"web  | a\\rdb   | forged\\u001b[2J\\u001b[A\t\x1b[1;31mred\x1b[38:2:1:2:3m\\xff\\u202e\x1b[0m\nweb  | plain\n", "web  | e\n",
		},
		{"a long line", lines.Options{}, []string{long + "\n"}, long[:64<<10] + "\n" + long[64<<10:] + "\n", "e\n"},
		{"a group", lines.Options{Group: true}, []string{"one\n", "two\n"}, "one\ntwo\n", "e\n"},
		{
			"JSON",
			lines.Options{JSON: true, Prefix: true},
			[]string{"<\x1b>\n\xff\n"},
			`{"container":"web","stream":"stdout","text":"<\u001b>"}` + "\n" + `{"container":"web","stream":"stdout","text":"","bytes":"/w=="}` + "\n" +
				`{"container":"web","stream":"stderr","text":"e"}` + "\n", "",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			var out, errs strings.Builder
			p := lines.NewPrinter(&out, &errs, row.options, labels("web", "db12"))
			s := p.Open(lines.Label{Container: "web"}, 0)
			write(t, s.Stdout(), row.parts...)
			write(t, s.Stderr(), "e\n")
			s.Close()
			if out.String() != row.want || errs.String() != row.err {
				t.Errorf("%.300q, %q; want %.300q, %q", out.String(), errs.String(), row.want, row.err)
			}
		})
	}
}

func TestLabels(t *testing.T) {
	for label, want := range map[lines.Label]string{
		{Container: "web"}:                   "web",
		{Context: "eu", Container: "web"}:    "eu/web",
		{"eu", "api.1", true}:                "api.1",
		{Container: "a\x1b[2J\nb"}:           `a\u001b[2J\nb`,
		{Context: "\r", Container: "\u202e"}: `\r/\u202e`,
	} {
		if got := label.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// Many commands write at the same time: no line is mixed, and with Group no two commands' lines are. A group that is
// larger than what is held back waits for its turn.
func TestManyAtOnce(t *testing.T) {
	for _, group := range []bool{false, true} {
		var out strings.Builder
		var names []string
		for i := range 20 {
			names = append(names, fmt.Sprintf("c%02d", i))
		}
		p := lines.NewPrinter(&out, io.Discard, lines.Options{Prefix: true, Group: group}, labels(names...))
		var all sync.WaitGroup
		const each = 2000
		for i, name := range names {
			all.Go(func() {
				s := p.Open(lines.Label{Container: name}, i)
				defer s.Close()
				for range each {
					_, _ = io.WriteString(s.Stdout(), "text of ")
					_, _ = io.WriteString(s.Stdout(), name+" and some more, so that it has to wait\n")
				}
			})
		}
		all.Wait()
		checkMany(t, out.String(), each*len(names), group, len(names))
	}
}

// checkMany checks that all lines are whole, and with group that the lines of each command are together.
func checkMany(t *testing.T, out string, want int, group bool, commands int) {
	t.Helper()
	count, changes, last := 0, 0, ""
	for line := range strings.Lines(out) {
		count++
		name, text, _ := strings.Cut(line, " | ")
		if text != "text of "+name+" and some more, so that it has to wait\n" {
			t.Fatalf("%q", line)
		}
		if name != last {
			changes++
		}
		last = name
	}
	if count != want || group && changes != commands {
		t.Errorf("group %t: %d lines, %d changes", group, count, changes)
	}
}

func TestAbandonedGroup(t *testing.T) {
	var out strings.Builder
	p := lines.NewPrinter(&out, io.Discard, lines.Options{Group: true}, nil)
	first, second := p.Open(lines.Label{}, 0), p.Open(lines.Label{}, 1)
	big := strings.Repeat("x\n", 200<<10)
	write(t, first.Stdout(), big)
	done := make(chan struct{})
	go func() {
		defer close(done)
		write(t, second.Stdout(), big)
	}()
	p.Abandon()
	<-done
	first.Close()
	if out.String() != big {
		t.Errorf("%d bytes", out.Len())
	}
}

func TestEnd(t *testing.T) {
	var out strings.Builder
	p := lines.NewPrinter(&out, io.Discard, lines.Options{JSON: true}, nil)
	s := p.Open(lines.Label{Context: "eu", Container: "web"}, 0)
	write(t, s.Stdout(), "x")
	s.End(3, "stopped")
	s.Close()
	want := `{"context":"eu","container":"web","stream":"stdout","text":"x"}` + "\n" + `{"context":"eu","container":"web","status":3,"seconds":0,"error":"stopped"}` + "\n"
	if out.String() != want {
		t.Errorf("%s", out.String())
	}
}

// full is a disk that is full.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestFailed(t *testing.T) {
	p := lines.NewPrinter(full{}, io.Discard, lines.Options{}, nil)
	s := p.Open(lines.Label{}, 0)
	write(t, s.Stdout(), "x\n", "y\n")
	s.Close()
	if f := <-p.Failed(); f.Output != 0 || f.Err == nil || f.Err.Error() != "no space left on device" {
		t.Error(f)
	}
}

func TestStatus(t *testing.T) {
	var out, errs strings.Builder
	p := lines.NewPrinter(&out, &errs, lines.Options{}, nil)
	s := p.Open(lines.Label{}, 0)
	p.ShowStatus(&errs, "1 of 2 done")
	write(t, s.Stdout(), "x\n", "y\n")
	p.ShowStatus(&errs, "2 of 2 done")
	p.EraseStatus()
	p.EraseStatus()
	if want := "1 of 2 done\r\x1b[K2 of 2 done\r\x1b[K"; errs.String() != want {
		t.Errorf("%q", errs.String())
	}
}
