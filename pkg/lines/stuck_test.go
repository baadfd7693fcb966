package lines_test

import (
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/lines"
)

// What a terminal would break is broken here, so that the rest of a line does not look like another command's.
func TestRows(t *testing.T) {
	for _, row := range []struct{ name, text, want string }{
		{"fits", strings.Repeat("x", 20), "web  | " + strings.Repeat("x", 20) + "\n"},
		{
			"forged", strings.Repeat(" ", 20) + "db12 | gone",
			"web  | " + strings.Repeat(" ", 20) + "\nweb  | db12 | gone\n",
		},
		{"wide characters", strings.Repeat("世", 11), "web  | " + strings.Repeat("世", 10) + "\nweb  | 世\n"},
		{"tabs", "1\t2\t3\t4", "web  | 1\t2\t3\nweb  | \t4\n"},
		{"escaped", strings.Repeat("x", 18) + "\a", "web  | " + strings.Repeat("x", 18) + "\\u\nweb  | 0007\n"},
		{
			"colours", "\x1b[31m" + strings.Repeat("x", 25) + "\x1b[0m",
			"web  | \x1b[31m" + strings.Repeat("x", 20) + "\x1b[0m\nweb  | \x1b[31mxxxxx\x1b[0m\x1b[0m\n",
		},
		{"nothing", "", "web  | \n"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var out strings.Builder
			o := lines.Options{Prefix: true, Terminal: [2]bool{true, true}, Columns: func() int { return 27 }}
			s := lines.NewPrinter(&out, io.Discard, o, labels("web", "db12")).Open(lines.Label{Container: "web"}, 0)
			write(t, s.Stdout(), row.text+"\n")
			s.Close()
			if out.String() != row.want {
				t.Errorf("%q, want %q", out.String(), row.want)
			}
		})
	}
}

// No row is wider than the terminal, and each has the label, however narrow the terminal is, and if its width is unknown.
func TestNarrowTerminal(t *testing.T) {
	for _, row := range []struct {
		columns int
		want    string
	}{
		{60, "shop-web-1-of-a-long-name | ..........db12 | gone\n"},
		{20, "sho…ame | ..........\nsho…ame | db12 | gon\nsho…ame | e\n"},
		{10, "…e | .....\n…e | .....\n…e | db12 \n…e | | gon\n…e | e\n"},
	} {
		var out strings.Builder
		name := lines.Label{Container: "shop-web-1-of-a-long-name"}
		o := lines.Options{Prefix: true, Terminal: [2]bool{true, true}, Columns: func() int { return row.columns }}
		s := lines.NewPrinter(&out, io.Discard, o, []lines.Label{name}).Open(name, 0)
		write(t, s.Stdout(), "..........db12 | gone\n")
		s.Close()
		if out.String() != row.want {
			t.Errorf("%d columns: %q, want %q", row.columns, out.String(), row.want)
		}
	}
	var out strings.Builder
	o := lines.Options{Prefix: true, Terminal: [2]bool{true, true}, Columns: func() int { return 0 }}
	s := lines.NewPrinter(&out, io.Discard, o, labels("web")).Open(lines.Label{Container: "web"}, 0)
	write(t, s.Stdout(), strings.Repeat(" ", 74)+"db12 | gone\n")
	s.Close()
	if want := "web | " + strings.Repeat(" ", 74) + "\nweb | db12 | gone\n"; out.String() != want {
		t.Errorf("unknown: %q, want %q", out.String(), want)
	}
}

// stuck is an output whose reader has stopped reading.
type stuck struct{ until chan struct{} }

func (w stuck) Write(b []byte) (int, error) {
	<-w.until
	return len(b), nil
}

// If nobody reads any more, everything ends once the printer is abandoned, also the progress.
func TestStuckReader(t *testing.T) {
	for _, group := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := stuck{make(chan struct{})}
			defer close(w.until)
			p := lines.NewPrinter(w, io.Discard, lines.Options{Group: group}, nil)
			big := strings.Repeat("x\n", 200<<10)
			sources := []*lines.Source{p.Open(lines.Label{}, 0), p.Open(lines.Label{}, 1)}
			done := make(chan struct{})
			for _, s := range sources {
				go func() {
					write(t, s.Stdout(), big)
					s.Close()
					done <- struct{}{}
				}()
			}
			time.Sleep(2 * time.Second)
			synctest.Wait()
			if !p.Stuck(time.Second) {
				t.Error("not stuck")
			}
			p.ShowStatus(io.Discard, "1 of 2 done")
			p.EraseStatus()
			p.Abandon()
			<-done
			<-done
		})
	}
}

// A terminal that does not take the progress is stuck, too.
func TestStuckStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := stuck{make(chan struct{})}
		var out strings.Builder
		p := lines.NewPrinter(&out, w, lines.Options{}, nil)
		shown := make(chan struct{})
		go func() {
			defer close(shown)
			p.ShowStatus(w, "1 of 2 done")
		}()
		time.Sleep(2 * time.Second)
		if !p.Stuck(time.Second) {
			t.Error("not stuck")
		}
		p.Abandon()
		s := p.Open(lines.Label{}, 0)
		write(t, s.Stdout(), "x\n")
		s.Close()
		close(w.until)
		<-shown
	})
}

// A command that is given up loses nothing that it has written, and neither does another one that waits for its turn.
func TestLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		p := lines.NewPrinter(&out, io.Discard, lines.Options{Group: true}, nil)
		prints, lost, waits := p.Open(lines.Label{}, 0), p.Open(lines.Label{}, 1), p.Open(lines.Label{}, 2)
		a, b, c := strings.Repeat("a\n", 200<<10), strings.Repeat("b\n", 200<<10), strings.Repeat("c\n", 200<<10)
		write(t, prints.Stdout(), a)
		done := make(chan struct{}, 2)
		go func() {
			write(t, lost.Stdout(), b)
			done <- struct{}{}
		}()
		go func() {
			write(t, waits.Stdout(), c)
			waits.Close()
			done <- struct{}{}
		}()
		time.Sleep(3 * time.Second)
		if waited := waits.Waited(); waited != 3*time.Second || prints.Waited() != 0 {
			t.Errorf("it has waited for %s", waited)
		}
		lost.Leave()
		write(t, lost.Stdout(), "late\n")
		prints.Close()
		lost.Close()
		<-done
		<-done
		if want := len(a) + len(b) + len(c); len(out.String()) != want || strings.Contains(out.String(), "late") || waits.Waited() != 3*time.Second {
			t.Errorf("%d bytes, want %d; it has waited for %s", out.Len(), want, waits.Waited())
		}
	})
}
