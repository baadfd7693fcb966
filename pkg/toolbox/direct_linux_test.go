package toolbox

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// direct are tools that shells have as builtins, and their arguments.
var direct = [][]string{
	{"echo"},
	{"echo", `{"a":1}`},
	{"echo", "-n", "x"},
	{"echo", "-e", `a\tb\0101\x41\\`},
	{"echo", `a\tb`},
	{"echo", "-e", `a\cb`, "c"},
	{"echo", "-nx"},
	{"echo", "a", " b"},
	{"echo", "-E", `\n`},
	{"printf", "%s-%d\n", "a", "5"},
	{"printf", `%b|%%|%c`, `a\tb`, "xyz"},
	{"printf", "%s\n", "a", "b"},
	{"printf", "%d\n", "x"},
	{"printf", "%5.1f|%-4s|%x\n", "2.25", "a", "255"},
	{"true"},
	{"true", "x"},
	{"false"},
	{"pwd"},
	{"pwd", "-P"},
	{"test"},
	{"test", ""},
	{"test", "x"},
	{"test", "-f", "n"},
	{"test", "-d", "n"},
	{"test", "-e", "broken"},
	{"test", "-L", "broken"},
	{"test", "-s", "n"},
	{"test", "-z", ""},
	{"test", "-n", ""},
	{"test", "a", "=", "a"},
	{"test", "a", "!=", "a"},
	{"test", "1", "-lt", "2"},
	{"test", "10", "-le", "9"},
	{"test", "!", "-f", "n"},
	{"test", "-f", "n", "-a", "-d", "d"},
	{"test", "-f", "d", "-o", "-d", "d"},
	{"test", "(", "-d", "d", ")"},
	{"test", "n", "-nt", "nosuch"},
	{"test", "-x", "d"},
	{"test", "-n"},
	{"test", "="},
	{"test", "-f"},
	{"test", "*"},
	{"[", "1", "-lt", "2", "]"},
	{"[", "a", "=", "b", "]"},
	{"[", "]"},
	{"[", "x", "]"},
	{"[", "-f", "n"},
	{"kill", "-0", "1"},
	{"kill", "-l", "9"},
	{"kill", "-l", "TERM"},
	{"expr", "a+b", ":", "a+b"},
	{"expr", "substr", "abc", "2", "2"},
	{"expr", "index", "abc", "cb"},
}

// TestToolsWithoutAShell runs the tools themselves, which scripts do not: a shell runs its builtins in their place.
func TestToolsWithoutAShell(t *testing.T) {
	bin := unpack(t)
	mine, theirs := fixture(t), fixture(t)
	env := []string{"HOME=/root", "LC_ALL=C", "TZ=UTC", "PATH=/usr/bin:/bin"}
	for _, args := range direct {
		machine := exec.Command(args[0], args[1:]...)
		if machine.Err != nil {
			t.Logf("%s: the machine lacks it", args[0])
			continue
		}
		machine.Dir, machine.Env = theirs, env
		tool := exec.Command(filepath.Join(bin, args[0]), args[1:]...)
		tool.Dir, tool.Env = mine, env
		got, want := plain(run(t, tool), mine), plain(run(t, machine), theirs)
		if got != want {
			t.Errorf("%q\ngot  %q\nwant %q", args, got, want)
		}
	}
}

// TestEachToolRuns runs each name of the list. None takes --help for something to do: u-root's hostname sets that name.
func TestEachToolRuns(t *testing.T) {
	bin := unpack(t)
	before, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if after, err := os.Hostname(); after != before {
			t.Errorf("the host's name was %q and is %q, %v", before, after, err)
		}
	}()
	arguments := map[string][]string{
		"[": {"1", "]"}, "test": {"1"}, "true": nil, "false": nil, "clear": nil, "whoami": nil, "nproc": nil, "sync": {"--help"}, "printf": {"x"},
		"yes": {"--help"}, "sleep": {"0"}, "expr": {"1"}, "echo": {"x"}, "pwd": nil, "tty": nil, "dmesg": {"--help"}, "seq": {"1"}, "printenv": nil,
	}
	for _, name := range Names(runtime.GOARCH) {
		args, ok := arguments[name]
		if !ok {
			args = []string{"--help"}
		}
		script := `"$@" </dev/null 2>&1 | head -c 2000; echo; echo "status $PIPESTATUS"`
		cmd := exec.Command("/bin/bash", append([]string{"-c", script, "bash", filepath.Join(bin, name)}, args...)...)
		cmd.Dir = t.TempDir()
		cmd.Env = []string{"PATH=/nonexistent:/usr/bin:/bin", "TERM=xterm"}
		text := run(t, cmd)
		status := regexp.MustCompile(`status (\d+)\n`).FindStringSubmatch(text)
		if status == nil || strings.Contains(text, "panic:") || strings.Contains(text, "goroutine ") || strings.Contains(text, "there is no tool") {
			t.Errorf("%s %v: %q", name, args, text)
			continue
		}
		if n, _ := strconv.Atoi(status[1]); n > 125 && (name != "yes" || n != 141) {
			t.Errorf("%s %v ends with status %d: %q", name, args, n, text)
		}
	}
}

// TestHelpHasTheListedOptions compares the list of options with what the program prints, on standard output.
func TestHelpHasTheListedOptions(t *testing.T) {
	bin := unpack(t)
	for _, row := range options(t) {
		for _, name := range row.names {
			cmd := exec.Command(filepath.Join(bin, name), "--help")
			text, err := cmd.Output()
			if !strings.Contains(row.text, "--") { // a usage line, of which some are errors
				continue
			}
			for option := range strings.FieldsSeq(row.text) {
				shown := strings.Replace(option, "|", ", ", 1)
				word := regexp.MustCompile(`(?m)` + regexp.QuoteMeta(shown) + `([\s=\[,]|$)`) // and not the beginning of another one
				if strings.HasPrefix(option, "-") && !word.Match(text) {
					t.Errorf("%s --help (%v) does not show %s", name, err, shown)
				}
			}
		}
	}
}

func TestToolIsChosenByName(t *testing.T) {
	bin := unpack(t)
	dir := t.TempDir()
	// A link of this name in the working directory leads nowhere.
	if err := errors.Join(os.Symlink("next", filepath.Join(dir, "ls")), os.Symlink("rm", filepath.Join(dir, "next"))); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(filepath.Dir(bin), "toolbox")
	for _, row := range []struct {
		argv []string
		want string
	}{
		{[]string{"toolbox", "echo", "x"}, "x\n\nstatus 0"},
		{[]string{"ls", "-d", "."}, ".\n\nstatus 0"},
		{[]string{"/.nsjoin/bin/echo", "x"}, "x\n\nstatus 0"},
		{[]string{"-sh", "-c", "echo $0"}, "sh\n\nstatus 0"},
		{[]string{"toolbox", "nosuch"}, "toolbox: there is no tool named \"nosuch\"\n\nstatus 127"},
		{[]string{"nosuch"}, "toolbox: there is no tool named \"nosuch\"\n\nstatus 127"},
	} {
		cmd := &exec.Cmd{Path: program, Args: row.argv, Dir: dir}
		if got := run(t, cmd); got != row.want {
			t.Errorf("%q prints %q, want %q", row.argv, got, row.want)
		}
	}
}
