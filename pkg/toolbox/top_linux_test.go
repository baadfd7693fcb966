package toolbox

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// sleepers are processes that do nothing. It returns their numbers, as -p takes them.
func sleepers(t *testing.T, n int) string {
	t.Helper()
	list := make([]string, n)
	for i := range list {
		cmd := exec.Command("sleep", "10"+strconv.Itoa(i))
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
		list[i] = strconv.Itoa(cmd.Process.Pid)
	}
	return strings.Join(list, ",")
}

// topRows returns the title of the processes, and those below it.
func topRows(screen string) string {
	at := regexp.MustCompile(`(?m)^ *PID USER`).FindStringIndex(screen)
	if at == nil {
		return ""
	}
	var rows []string
	for line := range strings.Lines(screen[at[0]:]) {
		if line = strings.TrimSpace(line); line != "" {
			rows = append(rows, line)
		}
	}
	return strings.Join(rows, "\n")
}

// procpsTop returns the machine's top, if that is procps'.
func procpsTop(t *testing.T) string {
	t.Helper()
	program, err := exec.LookPath("top")
	if err != nil {
		t.Skip(err)
	}
	if text, _ := exec.Command(program, "-V").CombinedOutput(); !strings.Contains(string(text), "procps") {
		t.Skipf("%s is not procps': %s", program, text)
	}
	return program
}

// TestTopAsProcps prints the same processes with the machine's top and with the toolbox's.
func TestTopAsProcps(t *testing.T) {
	program := procpsTop(t)
	bin := unpack(t)
	pids := sleepers(t, 3)
	for _, options := range []string{"", "-c", "-o PID", "-o -PID"} {
		args := append([]string{"-b", "-n1", "-p", pids}, strings.Fields(options)...)
		var shown [2]string
		for i, path := range []string{program, filepath.Join(bin, "top")} {
			cmd := exec.Command(path, args...)
			cmd.Env = []string{"PATH=" + bin, "HOME=/nonexistent", "TERM=dumb", "LC_ALL=C"}
			shown[i] = topRows(run(t, cmd))
		}
		if shown[0] != shown[1] || !strings.Contains(shown[0], "sleep") {
			t.Errorf("top %v\ngot\n%s\nwant\n%s", args, shown[1], shown[0])
		}
	}
}
