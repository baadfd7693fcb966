package shell

import (
	"io"
	"os"
	"strings"
	"testing"
)

// A script from standard input is run statement by statement: a command in it can read what follows, and "exit" ends
// it before an error below.
func TestScriptOfStandardInput(t *testing.T) {
	for _, row := range []struct {
		script, want string
		status       int
	}{
		{"read x\nhello\necho got $x\n", "got hello\n", 0},
		{"f() {\n read y\n}\nf\nline\necho \"$y\"; exit 4\nif then\n", "line\n", 4},
		{"trap 'echo bye' EXIT\necho a\n", "a\nbye\n", 0},
		{"trap 'echo bye' EXIT\nfalse\n", "bye\n", 1},
		{"cat() { while read l; do echo \"<$l>\"; done; }\ncat <<X\nin\nX\ncat\nrest\n", "<in>\n<rest>\n", 0},
		{"echo a; echo b", "a\nb\n", 0},
		{"echo a\nif then\n", "a\n", 2},
		{"trap 'echo bye' EXIT\necho a\nif then\n", "a\nbye\n", 2},
		{"", "", 0},
	} {
		in, write, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		read, out, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(write, row.script)
		write.Close()
		oldIn, oldOut := os.Stdin, os.Stdout
		os.Stdin, os.Stdout = in, out
		status := Main(nil)
		os.Stdin, os.Stdout = oldIn, oldOut
		out.Close()
		text, _ := io.ReadAll(read)
		if string(text) != row.want || status != row.status {
			t.Errorf("%q prints %q, status %d, want %q, %d", row.script, text, status, row.want, row.status)
		}
	}
}

// What comes before a line that is waited for has been run.
func TestScriptIsRunWhileItArrives(t *testing.T) {
	r, w := io.Pipe()
	o := options{name: "sh", params: []string{"--"}}
	s, err := newShell(o)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan int)
	go func() { done <- s.follow(r) }()
	_, _ = io.WriteString(w, "x=1\n")
	_, _ = io.Copy(w, strings.NewReader("exit 7\n"))
	if status := <-done; status != 7 { // before the end of the input
		t.Errorf("status %d, want 7", status)
	}
	w.Close()
}
