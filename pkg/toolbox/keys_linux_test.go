package toolbox

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// bash starts the machine's bash as start starts the toolbox's.
func bash(t *testing.T, bin, dir string) *terminal {
	t.Helper()
	program, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("the machine has no bash")
	}
	cmd := exec.Command(program, "--norc", "--noprofile", "-i")
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + bin, "TERM=xterm", "HOME=/nonexistent", `PS1=web:\W \$ `, "HISTFILE=/dev/null", "INPUTRC=/dev/null", "LC_ALL=C.UTF-8"}
	return startAt(t, cmd, &pty.Winsize{Rows: 24, Cols: 80})
}

const (
	interruptKey = "\x03"
	stopKey      = "\x1a"
	eofKey       = "\x04"
)

// step is what is typed, and what is printed then. A step with await types when these programs run: in the foreground, or with "&"
// behind them in the background. fg prints its line before the job has the terminal, so that a key may come too early.
type step struct {
	await   []string
	keys    string
	printed string
}

// letGo is in place of keys: once the shell waits, a reader of the FIFO "fifo" gets its end.
const letGo = "\x00"

// keys are sessions that go on in the same way in bash and in the toolbox's shell.
var keys = []struct {
	name  string
	steps []step
}{
	{"a job is stopped and continued", []step{
		{nil, "sleep 100\r", ""},
		{[]string{"sleep 100"}, stopKey, `\n\[1\]\+  Stopped +sleep 100\r\n` + prompt},
		{nil, "echo $?\r", `\n148\r\n` + prompt},
		{nil, "jobs\r", `\n\[1\]\+  Stopped +sleep 100\r\n` + prompt},
		{nil, "bg\r", `\n\[1\]\+ sleep 100 &\r\n` + prompt},
		{nil, "jobs\r", `\n\[1\]\+  Running +sleep 100 &\r\n` + prompt},
		{nil, "fg\r", `\nsleep 100\r\n`},
		{[]string{"sleep 100"}, interruptKey, `\r\n` + prompt}, // the kernel shows ^C after it has sent the signal
		{nil, "echo $?; jobs\r", `\n130\r\n` + prompt},
	}},
	{"a program reads the terminal again", []step{
		{nil, "cat\r", ""},
		{[]string{"cat"}, "one\r", `one\r\none\r\n`},
		{nil, stopKey, `Stopped +cat\r\n` + prompt},
		{nil, "fg %1\r", `\ncat\r\n`},
		{nil, "two\r", `two\r\ntwo\r\n`},
		{nil, eofKey, prompt},
		{nil, "echo $?\r", `\n0\r\n` + prompt},
	}},
	{"a pipeline is one job", []step{
		{nil, "cat | cat\r", ""},
		{[]string{"cat"}, "one\r", `one\r\none\r\n`},
		{nil, stopKey, `\[1\]\+  Stopped +cat \| cat\r\n` + prompt},
		{nil, "fg\r", `\ncat \| cat\r\n`},
		{nil, "two\r", `two\r\ntwo\r\n`},
		{nil, interruptKey, prompt},
		{nil, "jobs; echo end\r", `end\r\nend\r\n` + prompt},
	}},
	{"jobs in the background", []step{
		{nil, "sleep 100 &\r", `\n\[1\] \d+\r\n` + prompt},
		{nil, "sleep 200 & sleep 300\r", `\n\[2\] \d+\r\n`},
		{[]string{"sleep 300"}, interruptKey, prompt}, // reaches what is in the foreground only
		{nil, "jobs\r", `\n\[1\]-  Running +sleep 100 &\r\n\[2\]\+  Running +sleep 200 &\r\n` + prompt},
		{nil, "kill %1; wait %1; echo $?\r", `143\r\n`},
		{nil, "kill $!; wait $!; echo status $?\r", `\nstatus 143\r\n`},
		{nil, "jobs; echo end\r", `\nend\r\n` + prompt},
		{nil, "sleep 100 & wait\r", `\[\d\] \d+\r\n`},
		{[]string{"sleep 100 &"}, interruptKey, prompt},
		{nil, "kill %%; wait; jobs; echo end\r", `\nend\r\n` + prompt},
	}},
	{"a job that ends is reported", []step{ // while bash waits: one that ended before, it forgets silently
		{nil, "(cat fifo; exit 3) & wait\r", `\[1\] \d+\r\n`},
		{[]string{"cat fifo &"}, letGo, `\[1\]\+  Exit 3 +\( *cat fifo; exit 3 *\)\r\n` + prompt},
		{nil, "cat fifo & wait\r", `\[1\] \d+\r\n`},
		{[]string{"cat fifo &"}, letGo, `\[1\]\+  Done +cat fifo\r\n` + prompt},
	}},
	{"the shell does not leave a stopped job behind unasked", []step{
		{nil, "cat\r", ""},
		{[]string{"cat"}, stopKey, `Stopped`},
		{nil, "exit\r", `\nThere are stopped jobs\.\r\n` + prompt},
		{nil, "kill %1; wait %1; echo killed\r", `\nkilled\r\n(\[1\].*\r\n)?` + prompt},
		{nil, eofKey, `exit\r\n`},
	}},
	{"a loop ends with what is stopped in it", []step{
		{nil, "for i in 1 2 3; do cat; done\r", ""},
		{[]string{"cat"}, stopKey, `Stopped +.*cat.*\r\n` + prompt},
		{nil, "kill -9 %1; wait %1; echo end\r", `\nend\r\n`},
	}},
	{"a loop in the background ends as a whole", []step{
		{nil, "while :; do sleep 100; done &\r", `\n\[1\] \d+\r\n` + prompt},
		{[]string{"sleep 100 &"}, "kill %1; wait %1; echo status $?\r", `\nstatus 143\r\n`},
		{nil, "while :; do sleep 100; done &\r", `\n\[\d\] \d+\r\n(\[1\].*\r\n)?` + prompt},
		{[]string{"sleep 100 &"}, "fg\r", `(?s)\nwhile :.*done\r\n`},
		{[]string{"sleep 100"}, interruptKey, `\r\n` + prompt},
		{nil, "jobs; echo end\r", `end\r\nend\r\n` + prompt},
	}},
	{"a program that starts later leaves the terminal alone", []step{
		{nil, "(sleep 0.1; sleep 400) & disown\r", `\n\[1\] \d+\r\n` + prompt},
		{[]string{"sleep 400 &"}, "echo one\r", `\none\r\n` + prompt},
		{nil, "eval '(sleep 0.1; sleep 300) &'\r", prompt},
		{[]string{"sleep 300 &"}, "echo two\r", `\ntwo\r\n` + prompt},
		{nil, "eval 'sleep 100 &'; kill $!; wait $!; echo status $?\r", `\nstatus 143\r\n`},
	}},
	{"wait with a stopped job", []step{
		{nil, "sleep 100 &\r", `\n\[1\] \d+\r\n` + prompt},
		{[]string{"sleep 100 &"}, "fg\r", `\nsleep 100\r\n`},
		{[]string{"sleep 100"}, stopKey, `Stopped +sleep 100\r\n` + prompt},
		{nil, "wait; echo status $?\r", `\nstatus 0\r\n` + prompt},
		{nil, "kill -9 %1; wait %1; echo end\r", `\nend\r\n`},
	}},
	{"a later program of a statement is stopped", []step{
		{nil, "/bin/true && cat\r", ""},
		{[]string{"cat"}, stopKey, `Stopped +.*cat\r\n` + prompt},
		{nil, "jobs\r", `\n\[1\]\+  Stopped +.*cat\r\n` + prompt},
		{nil, "fg\r", `cat\r\n`},
		{nil, "one\r", `one\r\none\r\n`},
		{nil, eofKey, prompt},
		{nil, "for i in 1 2; do /bin/true; cat; done\r", ""},
		{[]string{"cat"}, stopKey, `Stopped +.*cat`},
		{nil, "kill -9 %%; wait %%; echo end\r", `\nend\r\n`},
	}},
	{"the prompt comes when all of a pipeline is stopped", []step{ // what still ran could read what is typed at the prompt
		{nil, `cat | /bin/bash -c 'trap "read -t 0.2 x; echo late; trap - TSTP; kill -TSTP \$\$" TSTP; echo ready; while :; do read -t 0.1 x; done'` + "\r", `\nready\r\n`},
		{[]string{"cat"}, stopKey, `late\r\n(\r\n)?\[1\]\+  Stopped [^\r]*(\r\n[^\r]*)*` + prompt},
		{nil, "kill -9 %1; wait %1; echo end\r", `\nend\r\n`},
	}},
	{"a pipeline with a loop is stopped", []step{
		{nil, "yes | while read x; do /bin/true; done\r", ""},
		{[]string{"yes", "/bin/true"}, stopKey, `Stopped +yes [^\r]*(\r\n[^\r]*)*` + prompt},
		{nil, "kill -9 -- %1; wait %1; echo end\r", `\nend\r\n`},
	}},
	{"exit in a subshell with a stopped job", []step{
		{nil, "cat\r", ""},
		{[]string{"cat"}, stopKey, `Stopped`},
		{nil, "(exit 3); echo status $?\r", `\nstatus 3\r\n` + prompt},
		{nil, "kill -9 %1; wait %1; echo end\r", `\nend\r\n`},
	}},
	{"short programs in pipelines", []step{
		{nil, "for i in $(seq 200); do /bin/true | /bin/true | /bin/true; done; echo end\r", `echo end\r\nend\r\n` + prompt},
	}},
	{"jobs by their state", []step{
		{nil, "sleep 100 &\r", `\n\[1\] \d+\r\n` + prompt},
		{nil, "sleep 200\r", ""},
		{[]string{"sleep 200"}, stopKey, `\n\[2\]\+  Stopped +sleep 200\r\n` + prompt},
		{nil, "jobs -r; echo end\r", `end\r\n\[1\]-  Running +sleep 100 &\r\nend\r\n` + prompt},
		{nil, "jobs -s; echo end\r", `end\r\n\[2\]\+  Stopped +sleep 200\r\nend\r\n` + prompt},
		{nil, "jobs %1; echo end\r", `end\r\n\[1\]-  Running +sleep 100 &\r\nend\r\n` + prompt},
		{nil, "jobs -rp | wc -l\r", `\n1\r\n` + prompt},
		{nil, "kill -9 %1 %2; wait %1 %2; echo end\r", `\nend\r\n`},
	}},
	{"the next of several jobs", []step{
		{nil, "sleep 100 & (sleep 0.1; exit 3) & wait -n; echo status $?\r", `\nstatus 3\r\n`},
		{nil, "kill %1; wait -n; echo status $?\r", `\nstatus 143\r\n`},
		{nil, "wait -n; echo status $?\r", `\nstatus 127\r\n` + prompt},
		{nil, "sleep 100 & wait -n\r", `\[\d\] \d+\r\n`},
		{[]string{"sleep 100 &"}, interruptKey, prompt},
		{nil, "echo $?\r", `\n130\r\n` + prompt},
		{nil, "kill %%; wait; echo end\r", `\nend\r\n`},
	}},
	{"a builtin reads the terminal in the background", []step{
		{nil, "read x &\r", `\n\[1\]( \d+)?\r\n`},
		{nil, "until [ -n \"$(jobs -s)\" ]; do :; done; echo is stopped\r", `\nis stopped\r\n`},
		{nil, "jobs\r", `\n\[1\]\+  Stopped +read x\r\n` + prompt},
		{nil, "echo mine\r", `\nmine\r\n` + prompt},
		{nil, "bg\r", `\n\[1\]\+ read x &\r\n`},
		{nil, "until [ -n \"$(jobs -s)\" ]; do :; done; echo is stopped\r", `\nis stopped\r\n`},
		{nil, "echo mine\r", `\nmine\r\n` + prompt},
		{nil, "fg; echo status $?\r", `\nread x\r\n`},
		{nil, "text\r", `\nstatus 0\r\n` + prompt},
		{nil, "(read x; echo \"<$x>\") &\r", `\n\[\d\]( \d+)?\r\n`},
		{nil, "until [ -n \"$(jobs -s)\" ]; do :; done; echo is stopped\r", `\nis stopped\r\n`},
		{nil, "fg\r", `\n\( *read x; echo "<\$x>" *\)\r\n`},
		{nil, "some text\r", `\n<some text>\r\n` + prompt},
		{nil, "read x &\r", `\n\[\d\]( \d+)?\r\n`},
		{nil, "until [ -n \"$(jobs -s)\" ]; do :; done; echo is stopped\r", `\nis stopped\r\n`},
		{nil, "kill -9 %%; wait %%; echo end\r", `\nend\r\n`},
		{nil, "echo mine\r", `\nmine\r\n`},
	}},
	{"a builtin that reads is interrupted", []step{
		{nil, "read -p 'name? ' x; echo not reached\r", `\nname\? `},
		{nil, interruptKey, prompt},
		{nil, "echo $?\r", `\n130\r\n` + prompt},
		{nil, "read -p 'name? ' x; echo \"<$x>\"\r", `\nname\? `},
		{nil, "text\r", `\n<text>\r\n` + prompt},
		{nil, "while read -p 'more? ' x; do echo \"<$x>\"; done\r", `\nmore\? `},
		{nil, "a\r", `<a>\r\nmore\? `},
		{nil, interruptKey, prompt},
		{nil, "read -p 'name? ' x\r", `\nname\? `},
		{nil, eofKey, prompt},
		{nil, "echo $?\r", `\n1\r\n` + prompt},
	}},
	{"a program stops itself", []step{
		{nil, "sh -c 'kill -STOP $$; exit 7'\r", `\n\[1\]\+  Stopped +sh -c 'kill -STOP \$\$; exit 7'\r\n` + prompt},
		{nil, "echo $?\r", `\n147\r\n` + prompt},
		{nil, "fg\r", `exit 7'\r\n` + prompt},
		{nil, "echo $?\r", `\n7\r\n` + prompt},
		{nil, "jobs; echo end\r", `end\r\nend\r\n` + prompt},
	}},
	{"a shell in the shell", []step{
		{nil, "sh\r", ""},
		{nil, "cat\r", ""},
		{[]string{"cat"}, stopKey, `Stopped +cat\r\n` + prompt},
		{nil, "fg\r", `\ncat\r\n`},
		{nil, "x\r", `x\r\nx\r\n`},
		{nil, interruptKey, prompt},
		{nil, "exit 4\r", prompt},
		{nil, "echo $?\r", `\n4\r\n` + prompt},
	}},
	{"a script is stopped while it starts programs", []step{
		{nil, "sh -c 'while :; do /bin/true; done'\r", ""},
		{[]string{"/bin/true"}, stopKey, `Stopped +sh -c [^\r]*\r\n` + prompt},
		{nil, "fg\r", `done'\r\n`},
		{[]string{"/bin/true"}, stopKey, `Stopped +sh -c [^\r]*\r\n` + prompt},
		{nil, "kill -9 %1; wait %1; echo end\r", `\nend\r\n`},
	}},
	{"quit", []step{
		{nil, "sleep 100\r", ""},
		{[]string{"sleep 100"}, "\x1c", `Quit( \(core dumped\))?\r\n` + prompt},
		{nil, "echo $?\r", `\n131\r\n` + prompt},
		{nil, "\x1c", ""},
		{nil, "echo on\r", `\non\r\n` + prompt},
	}},
	{"questions", []step{
		{nil, "read -s -p 'word: ' x; echo \"<$x>\"\r", `\nword: `},
		{nil, "secret\r", `^<secret>\r\n` + prompt},
		{nil, "read -n 1 -p 'sure? ' x; echo; echo \"<$x>\"\r", `\nsure\? `},
		{nil, "y", `^y\r\n<y>\r\n` + prompt},
		{nil, "read -t 0.1 -p 'soon? ' x; echo status $?\r", `\nsoon\? status 142\r\n` + prompt},
		{nil, "read -d : x; echo \"<$x>\"\r", ""},
		{nil, "a:", `<a>\r\n` + prompt},
		{nil, "stty -a | grep -o ' icanon'\r", `\n icanon\r\n` + prompt},
	}},
	{"references to earlier lines", []step{
		{nil, "echo one two\r", `\none two\r\n` + prompt},
		{nil, "echo !$\r", `\necho two\r\ntwo\r\n` + prompt},
		{nil, "!-2\r", `\necho one two\r\none two\r\n` + prompt},
		{nil, "!!:s/one/1/\r", `\necho 1 two\r\n1 two\r\n` + prompt},
		{nil, "^two^2\r", `\necho 1 2\r\n1 2\r\n` + prompt},
		{nil, "!nosuch\r", `!nosuch: event not found\r\n` + prompt},
		{nil, "echo '!!' \"a!\" b!\r", `\n!! a! b!\r\n` + prompt},
		{nil, "echo a b c\r", `\na b c\r\n` + prompt},
		{nil, "printf '%s\\n' !*\r", `\nprintf '%s\\n' a b c\r\na\r\nb\r\nc\r\n` + prompt},
		{nil, "fc -l -2\r", `\n\d+\t echo a b c\r\n\d+\t printf '%s\\n' a b c\r\n` + prompt},
	}},
	{"an expansion that fails leaves the shell", []step{
		{nil, "echo $((1/0))\r", `division by (0|zero)[^\n]*\n` + prompt},
		{nil, "echo $?\r", `\n1\r\n` + prompt},
		{nil, "echo ${nosuch?is missing}\r", `is missing\r\n` + prompt},
		{nil, "set -u; echo $nosuch\r", `unbound variable\r\n` + prompt},
		{nil, "set +u; a=(1 2); ((a[0]++)); echo ${a[@]} $-\r", `\n2 2 himBHs\r\n` + prompt},
	}},
	{"coproc", []step{
		{nil, "coproc cat\r", `\n\[1\] \d+\r\n` + prompt},
		{nil, "echo one >&${COPROC[1]}; read x <&${COPROC[0]}; echo \"<$x>\"\r", `\n<one>\r\n` + prompt},
		{nil, "kill %1; wait; echo end\r", `end\r\n`},
	}},
	{"completion of words", []step{
		{nil, "echo \"a f\t\r", `\na file\r\n` + prompt},
		{nil, "echo 'a f\t\r", `\na file\r\n` + prompt},
		{nil, "echo ~roo\t\r", `\n/root/\r\n` + prompt},
		{nil, "echo $HOM\t\r", `\n/nonexistent\r\n` + prompt},
		{nil, "echo ${HOM\t\r", `\n/nonexistent\r\n` + prompt},
	}},
	{"history", []step{
		{nil, "echo one\r", `\none\r\n` + prompt},
		{nil, "echo two\r", `\ntwo\r\n` + prompt},
		{nil, "ec" + up + up + "\r", `\none\r\n` + prompt},        // not those that begin with "ec"
		{nil, "echo x \x1b.\r", `\nx one\r\n` + prompt},           // the last word of the last line
		{nil, "echo y \x1b.\x1b.\x1b.\r", `\ny two\r\n` + prompt}, // of those before
		{nil, "for i in 1 2; do\recho \"<$i>\"\rdone\r", `\n<1>\r\n<2>\r\n` + prompt},
		{nil, up + "\r", `\n<1>\r\n<2>\r\n` + prompt},
	}},
	{"keys with modifiers and in application mode", []step{
		{nil, "echo one two\x1b[1;5D\x1b[1;5Dx\r", `\nxone two\r\n` + prompt},
		{nil, "echo a\r", `\na\r\n` + prompt},
		{nil, "\x1bOA\r", `\na\r\n` + prompt},
		{nil, "echo bc\x1bOD\x1bODx\x1bOCy\r", `\nxbyc\r\n` + prompt},
	}},
	{"pasted text", []step{
		{nil, "\x1b[200~echo a\nfor i in 1 2; do\n\techo \"<$i>\"\ndone\x1b[201~", ""},
		{nil, "\r", `\na\r\n<1>\r\n<2>\r\n` + prompt},
		{nil, "echo \x1b[200~b\x1b[201~c\r", `\nbc\r\n` + prompt},
	}},
	{"wide characters", []step{
		{nil, "echo 日本x" + left + left + "\x7fé\r", `\né本x\r\n` + prompt},
		{nil, "echo 日本 wi\t\r", `\n日本 wide名\r\n` + prompt},
		{nil, "echo 日本\x7f\x7fab\r", `\nab\r\n` + prompt},
	}},
}

// TestShellAnswersKeysAsBash types the same in bash, so that what is expected is known to be right.
func TestShellAnswersKeysAsBash(t *testing.T) {
	bin := unpack(t)
	for _, session := range keys {
		for _, shell := range []string{"sh", "bash"} {
			t.Run(session.name+"/"+shell, func(t *testing.T) {
				t.Parallel()
				inShell(t, bin, shell, session.steps)
			})
		}
	}
}

// inShell types a session's keys in a shell.
func inShell(t *testing.T, bin, shell string, steps []step) {
	t.Helper()
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := errors.Join(os.WriteFile(filepath.Join(dir, "wide名"), nil, 0o600), os.WriteFile(filepath.Join(dir, "a file"), nil, 0o600), unix.Mkfifo(fifo, 0o600)); err != nil {
		t.Fatal(err)
	}
	s := (*terminal)(nil)
	if shell == "bash" {
		s = bash(t, bin, dir)
	} else {
		s = start(t, bin, dir, shell)
	}
	s.expect(prompt)
	for _, step := range steps {
		s.awaitPrograms(step.await...)
		if step.keys != letGo {
			s.send(step.keys)
		} else {
			if shell == "bash" {
				s.awaitWait()
			}
			writer, err := os.OpenFile(fifo, os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			writer.Close()
		}
		if step.printed != "" {
			s.expect(step.printed)
		}
	}
}

// awaitWait waits until the shell's process waits for another one.
func (s *terminal) awaitWait() {
	s.t.Helper()
	call := fmt.Sprint(unix.SYS_WAIT4, " ")
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/syscall", s.cmd.Process.Pid))
		if err == nil && strings.HasPrefix(string(text), call) {
			return
		}
		if err != nil || time.Now().After(deadline) {
			s.t.Fatalf("it does not wait: %q, %v", text, err)
		}
	}
}

// In tmux the signals that stop a program in the background are ignored. One that reads before it has the terminal would fail.
func TestShellWithSignalsIgnored(t *testing.T) {
	bin, dir := unpack(t), t.TempDir()
	cmd := exec.Command("/bin/sh", "-c", "trap '' TTIN TTOU; exec sh")
	cmd.Dir, cmd.Env = dir, []string{"PATH=" + bin, "TERM=xterm", "NSJOIN_NAME=web"}
	s := startAt(t, cmd, &pty.Winsize{Rows: 24, Cols: 80})
	s.expect(prompt)
	s.send("grep SigIgn /proc/self/status\r")
	s.expect(`\nSigIgn:\s+[0-9a-f]+[048c][0-9a-f]{5}\r\n` + prompt) // neither 21 nor 22
}

// A shell that reads the terminal in the background is stopped, as any program.
func TestShellStopsInTheBackground(t *testing.T) {
	s := start(t, unpack(t), t.TempDir(), "sh")
	s.expect(prompt)
	s.send("sh\r")
	s.expect(prompt)
	s.send("echo pid $$\r")
	shown := strings.Fields(s.expect(`\npid \d+\r\n`))
	pid, err := strconv.Atoi(shown[len(shown)-1])
	s.expect(prompt)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Kill(pid, unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	s.expect(`Stopped +sh\r\n` + prompt)
	s.send("bg\r")
	s.expect(`\[1\]\+ sh &\r\n`)
	state := regexp.MustCompile(`(?m)^State:\tT`)
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if state.Match(status) {
			break
		}
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("it is not stopped: %v\n%s", err, status)
		}
	}
	s.send("echo on\r")
	s.expect(`\non\r\n`)
}

// Jobs end with the terminal, whose end the kernel tells the shell by SIGHUP.
func TestShellHangsUp(t *testing.T) {
	s := start(t, unpack(t), t.TempDir(), "sh")
	s.expect(prompt)
	s.send("sleep 1000 & echo pid $!\r")
	shown := strings.Fields(s.expect(`\npid \d+\r\n`))
	pid := shown[len(shown)-1]
	s.expect(prompt)
	if err := s.cmd.Process.Signal(unix.SIGHUP); err != nil {
		t.Fatal(err)
	}
	ended := regexp.MustCompile(`(?m)^State:\t[ZX]`)
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		status, err := os.ReadFile("/proc/" + pid + "/status")
		if err != nil || ended.Match(status) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the job goes on:\n%s", status)
		}
	}
}

// TestShellAfterResizing changes the window while a line is edited.
func TestShellAfterResizing(t *testing.T) {
	s := start(t, unpack(t), t.TempDir(), "sh")
	s.expect(prompt)
	s.send("echo 0123456789")
	s.expect("0123456789")
	if err := pty.Setsize(s.File, &pty.Winsize{Rows: 24, Cols: 40}); err != nil {
		t.Fatal(err)
	}
	s.expect("echo 0123456789") // it is drawn again
	s.send(home + "\x1b[C\x1b[C\x1b[C\x1b[C\x1b[Cx" + end + "y\r")
	s.expect(`\nx0123456789y\r\n` + prompt)
}

// TestShellStopsLoops stops loops whose programs start all the time. A key may come between a program's fork and its exec, which
// the shell waits for, or between two programs, where it is lost, as in bash: it is pressed until there is a prompt.
func TestShellStopsLoops(t *testing.T) {
	bin := unpack(t)
	s := start(t, bin, t.TempDir(), "sh")
	s.expect(prompt)
	for range 15 {
		s.send("while :; do " + bin + "/true | " + bin + "/true; done\r")
		s.expect(`done\r\n`)
		for deadline := time.Now().Add(patience); !s.shows(prompt); time.Sleep(50 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("the loop is not stopped")
			}
			s.send(stopKey)
		}
		s.expect(prompt)
	}
	s.send("echo still $((40 + 2))\r")
	s.expect(`\nstill 42\r\n`)
}

// shows reports whether a pattern is printed, and forgets nothing.
func (s *terminal) shows(pattern string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return regexp.MustCompile(pattern).MatchString(sequence.ReplaceAllString(s.text.String(), ""))
}
