package text_test

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/text/compare"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/text/dump"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/text/grep"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/text/lines"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/text/printf"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/text/sed"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/text/sorting"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tooltest"
)

func TestTools(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for name, text := range map[string]string{"bin": "a\x00x\n", "txt": "x\n", "patterns": "b\nc\n", "empty": "", "other/inner": "x\n"} {
		if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for from, to := range map[string]string{"d/link": "../other", "d/loop": ".", "d/file": "../txt"} {
		_ = os.Mkdir("d", 0o750)
		if err := os.Symlink(to, from); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"p1/f", "p2/f"} {
		_ = os.Mkdir(filepath.Dir(name), 0o750)
		if err := unix.Mkfifo(name, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile("p1/x", []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo("p2/x", 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		main   func([]string) int
		args   []string
		input  string
		want   string
		status int
	}{
		{printf.Echo, []string{`{"a":1}`}, "", "{\"a\":1}\n", 0},
		{printf.Echo, []string{"-e", `a\tb\0101`}, "", "a\tbA\n", 0},
		{printf.Echo, []string{"-ne", `a\cb`, "c"}, "", "a", 0},
		{printf.Echo, []string{"-n", "-x"}, "", "-x", 0},
		{printf.Echo, []string{`a\nb`}, "", "a\\nb\n", 0},
		{printf.Echo, []string{"-neE", `\n`}, "", `\n`, 0},
		{printf.Echo, nil, "", "\n", 0},
		{sed.Sed, []string{"s/[,:]/ /g"}, "a,b:c\n", "a b c\n", 0},
		{sed.Sed, []string{"s/[[:digit:]/:]/x/g"}, "1/2:a\n", "xxxxa\n", 0},
		{sed.Sed, []string{"s/[^]/]/x/g"}, "a/]\n", "x/]\n", 0},
		{sed.Sed, []string{"s/[/]/x/"}, "a/b\n", "axb\n", 0},
		{grep.Grep, []string{"-oP", `[\w.-]+`}, "a.b-c d\n", "a.b-c\nd\n", 0},
		{grep.Grep, []string{"-oP", `a+?`}, "aa\n", "a\na\n", 0},
		{grep.Grep, []string{"-P", `a\Kb`}, "ab\n", "", 2},
		{grep.Grep, []string{"-P", `(?=a)`}, "ab\n", "", 2},
		{grep.Grep, []string{"-I", "x", "bin", "txt"}, "", "txt:x\n", 0},
		{grep.Grep, []string{"-c", "-I", "x", "bin"}, "", "", 1},
		{grep.Grep, []string{"-q", "x", "txt", "nosuch"}, "", "", 0},
		{grep.Grep, []string{"-f", "patterns"}, "a\nb\nc\n", "b\nc\n", 0},
		{grep.Grep, []string{"-f", "empty"}, "a\n", "", 1},
		{grep.Grep, []string{"-r", "x", "d"}, "", "", 1},
		{grep.Grep, []string{"-R", "x", "d"}, "", "d/file:x\nd/link/inner:x\n", 0},
		{sorting.Uniq, []string{"-c", "txt", "out"}, "", "", 0},
		{lines.Cat, []string{"out"}, "", "      1 x\n", 0},
		{sorting.Uniq, []string{"txt", "out", "more"}, "", "", 1},
		{lines.Paste, []string{"-", "-"}, "1\n2\n3\n", "1\t2\n3\t\n", 0},
		{lines.Paste, []string{"-d,", "txt", "-", "-"}, "1\n2\n", "x,1,2\n", 0},
		{lines.Paste, []string{"-s", "-d,"}, "1\n2\n", "1,2\n", 0},
		{lines.Paste, []string{"nosuch"}, "", "", 1},
		{lines.Tr, []string{"-t", "abc", "x"}, "abc\n", "xbc\n", 0},
		{dump.Sum("md5sum"), []string{"-b", "empty"}, "", "d41d8cd98f00b204e9800998ecf8427e *empty\n", 0},
		{sed.Sed, []string{"--posix", "p"}, "", "", 1},
		{lines.Tail, []string{"--follow=nosuch", "txt"}, "", "", 1},
		{compare.Diff, []string{"-r", "p1", "p2"}, "", "File p1/f is a fifo while file p2/f is a fifo\nFile p1/x is a regular file while file p2/x is a fifo\n", 1},
	} {
		if text, status := tooltest.Call(t, row.input, row.main, row.args...); text != row.want || status != row.status {
			t.Errorf("%q prints %q, status %d, want %q, %d", row.args, text, status, row.want, row.status)
		}
	}
}

// A match in a pipe is printed before the next line is waited for.
func TestLinesOfAPipeArePrintedAtOnce(t *testing.T) {
	for name, tool := range map[string]func() int{
		"grep": func() int { return grep.Grep([]string{"a"}) },
		"cut":  func() int { return lines.Cut([]string{"-c1"}) },
		"tr":   func() int { return lines.Tr([]string{"x", "y"}) },
	} {
		in, write, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		read, out, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		oldIn, oldOut := os.Stdin, os.Stdout
		os.Stdin, os.Stdout = in, out
		done := make(chan int)
		go func() { done <- tool() }()
		_, _ = io.WriteString(write, "a\n")
		got := make([]byte, 2)
		if _, err := io.ReadFull(read, got); err != nil || string(got) != "a\n" {
			t.Errorf("%s prints %q, %v", name, got, err)
		}
		write.Close()
		if status := <-done; status != 0 {
			t.Errorf("%s: status %d", name, status)
		}
		os.Stdin, os.Stdout = oldIn, oldOut
	}
}
