package toolbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// scripts print the same in bash and in the toolbox's shell, with the machine's programs and with the toolbox's.
var scripts = []string{
	// A command in the background takes nothing of the script's input.
	"cat & wait", "(cat & wait)", "{ cat & wait; } <n", "while read x; do cat & wait; done <n", "cat | cat & wait", "cat <n & wait", "{ cat; } & wait",
	"read x; cat & wait; echo $x; cat", "cat && cat & wait; cat", "(cat) & wait; read x; echo $x", "echo a | { cat & wait; }", "for i in 1 2; do cat & done; wait; cat",
	"{ read x; echo \"<$x>\"; } & wait; cat", "head -c 2 & wait; head -c 3",
	// The next of several.
	"wait -n; echo $?", "(exit 3) & wait -n; echo $?; wait -n; echo $?", "(exit 3) & wait $!; wait -n; echo $?",
	"sleep 50 & p=$!; (exit 3) & wait -n; echo $?; kill $p; wait -n 2>/dev/null; echo $?; wait -n; echo $?",
	"wait -n 99999999 2>/dev/null; echo $?",
	"n=; for i in 1 2 3 4; do (exit $i) & wait -n; n=\"$n $?\"; done; wait -n; echo $n $?", "(sleep 0.1; wait -n; echo $?) & wait -n; echo $?",
	// sed -i that quits.
	"cp n c; sed -i 2q5 c; echo $?; cat c; rm c", "cp n c; sed -i 2Q5 c; echo $?; cat c; rm c", "cp n c; cp n e; sed -i 2q c e; echo $?; cat c e; rm c e", "cp n c; sed -i.bak 2q7 c; echo $?; cat c c.bak; rm c c.bak",
	"cp n c; cp n e; sed -i '3!d;Q9' c e; echo $?; cat c e; rm c e", "cp n c; sed -n -i 2q5 c; echo $?; cat c; rm c", "cp n c; sed -i 1q5 nosuch c 2>/dev/null; echo $?; cat c; rm c", "sed -s 2q5 n n; echo $?", "cp n c; sed -i s/1/x/ . c 2>/dev/null; echo $?; cat c; rm c",
	"sed 2q5 n; echo $?", "cp n c; sed -i '$!N;q3' c; echo $?; cat c; rm c", "cp n c; sed -i '/1/q6' c n; echo $?; cat c; rm c",
}

// TestScriptsAsBash runs scripts with an input.
func TestScriptsAsBash(t *testing.T) {
	bin := unpack(t)
	home := []string{"HOME=/root", "LC_ALL=C", "TZ=UTC", "TERM=dumb"}
	for _, script := range scripts {
		t.Run(script, func(t *testing.T) {
			t.Parallel()
			mine, theirs := fixture(t), fixture(t)
			tool := exec.Command(filepath.Join(bin, "sh"), "-c", script)
			tool.Dir, tool.Env = mine, append(slices.Clone(home), "PATH="+bin)
			machine := exec.Command("/bin/bash", "-c", script)
			machine.Dir, machine.Env = theirs, append(slices.Clone(home), "PATH=/usr/sbin:/usr/bin:/sbin:/bin")
			for _, cmd := range []*exec.Cmd{tool, machine} {
				input, err := os.Open(filepath.Join(mine, "n"))
				if err != nil {
					t.Fatal(err)
				}
				defer input.Close()
				cmd.Stdin = input
			}
			want := run(t, machine)
			if got := run(t, tool); got != want {
				t.Errorf("got  %q\nwant %q", got, want)
			}
		})
	}
}

// TestEverydayLinesAsBash runs each line of testdata/lines, in which ⏎ is a newline, in bash with the machine's programs and in the
// toolbox's shell with its own. What is printed and the status are the same, and there is a message in both or in none.
func TestEverydayLinesAsBash(t *testing.T) {
	bin := unpack(t)
	text, err := os.ReadFile("testdata/lines")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		script := strings.ReplaceAll(strings.TrimSuffix(line, "\n"), "⏎", "\n")
		t.Run(script, func(t *testing.T) {
			t.Parallel()
			want, wanted := everyday(t, "/bin/bash", "/usr/sbin:/usr/bin:/sbin:/bin", script)
			got, message := everyday(t, filepath.Join(bin, "sh"), bin, script)
			if got != want || (message == "") != (wanted == "") {
				t.Errorf("got  %q, message %q\nwant %q, message %q", got, message, want, wanted)
			}
		})
	}
}

// everyday runs a script with a shell, in a directory of its own. It returns what is printed, with the status, and what is said on
// standard error.
func everyday(t *testing.T, shell, path, script string) (printed, message string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	dir := fixture(t)
	cmd := exec.CommandContext(ctx, shell, "-c", script)
	cmd.Dir, cmd.Env = dir, []string{"HOME=/root", "LC_ALL=C.UTF-8", "TZ=UTC", "PATH=" + path}
	cmd.WaitDelay = time.Second
	var out, said strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(fmt.Sprintf("%s%v", &out, cmd.ProcessState), dir, "DIR"), said.String()
}

// TestUnfinishedFilesAreRemoved ends tools while they write a file that is to take another one's place.
func TestUnfinishedFilesAreRemoved(t *testing.T) {
	bin := unpack(t)
	for _, row := range []struct {
		args []string
		made string // the pattern of the unfinished file
	}{
		{[]string{"sed", "-i", "w /dev/stdout", "file"}, ".sed-*"},
		{[]string{"gzip", "file"}, "file.gz"},
	} {
		for _, signal := range []unix.Signal{unix.SIGINT, unix.SIGTERM, unix.SIGHUP} {
			endUnfinished(t, bin, row.args, row.made, signal)
		}
	}
}

// endUnfinished ends a tool when it has made a file whose name matches a pattern.
func endUnfinished(t *testing.T, bin string, args []string, made string, signal unix.Signal) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := errors.Join(os.WriteFile(file, nil, 0o600), os.Truncate(file, 64<<30)); err != nil { // it takes minutes
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(bin, args[0]), args[1:]...)
	cmd.Dir = dir
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		if found, _ := filepath.Glob(filepath.Join(dir, made)); len(found) > 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s makes no %s", args, made)
		}
	}
	if err := cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && unix.Signal(status.Signal()) != signal {
		t.Errorf("%s: ended by %v, not %v", args, status, signal)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Errorf("%s: left are %v, %v", args, left, err)
	}
}
