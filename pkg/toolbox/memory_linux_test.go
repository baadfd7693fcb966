package toolbox

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// repeated is an input that repeats a text for ever.
type repeated string

func (r repeated) Read(b []byte) (int, error) {
	n := copy(b, r)
	for len(b)-n >= len(r) {
		n += copy(b[n:], r)
	}
	return n, nil
}

// TestToolsKeepLittle runs tools with inputs of 64 MB, and looks at the memory that they take.
func TestToolsKeepLittle(t *testing.T) {
	// A process that executes a program is charged for the most that the one that forked it ever had, getrusage(2): other tests'
	// memory must not count.
	const alone = "NSJOIN_TEST_ALONE"
	if os.Getenv(alone) == "" {
		cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v")
		cmd.Env = append(os.Environ(), alone+"=1")
		out, err := cmd.CombinedOutput()
		if bytes.Contains(out, []byte("--- SKIP: ")) {
			t.Skipf("%s", out)
		}
		if err != nil || !bytes.Contains(out, []byte("--- PASS: "+t.Name())) {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	const size, little = 64_000_000, 40 << 10 // bytes, and KiB
	bin := unpack(t)
	dir := t.TempDir()
	big := filepath.Join(dir, "big")
	lines, zeros := repeated(strings.Repeat("0123456789abcde", 66)+"\n"), repeated("\x00\x00\x00\x00")
	file, err := os.Create(big)
	if err != nil {
		t.Fatal(err)
	}
	for range size / len(lines) {
		if _, err := file.WriteString(string(lines)); err != nil {
			t.Fatal(err)
		}
	}
	file.Close()
	taken := func(args []string, in repeated) int64 {
		cmd := exec.Command(filepath.Join(bin, args[0]), args[1:]...)
		cmd.Dir = dir
		cmd.Stdin = io.LimitReader(in, size)
		var message strings.Builder
		cmd.Stderr = &message
		err := cmd.Run()
		if message.Len() > 0 || cmd.ProcessState == nil {
			t.Fatalf("%s: %v, %s", args, err, message.String())
		}
		return cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss
	}
	ours := taken([]string{"true"}, zeros)
	if ours > size>>10 {
		t.Fatalf("%d KiB of the test's own hide what a tool takes", ours)
	}
	for _, row := range []struct {
		args []string
		in   repeated
		most int64 // KiB
	}{
		{[]string{"tail", "-n", "1"}, lines, little},
		{[]string{"tail", "-c", "1"}, zeros, little},
		{[]string{"tail", "-n", "+2"}, zeros, little},
		{[]string{"tail", "-n", "1"}, zeros, 2 * size >> 10}, // as much as the line, as GNU's
		{[]string{"head", "-c", "-5"}, zeros, little},
		{[]string{"head", "-n", "-5"}, lines, little},
		{[]string{"tac", big}, lines, little},
		{[]string{"uniq"}, lines, little},
		{[]string{"sort", "-c", big}, lines, little},
		{[]string{"base64"}, zeros, little},
		{[]string{"sed", "-i", "s/a/b/", big}, lines, little},
		{[]string{"grep", "-c", "x", big}, lines, little},
	} {
		if most, got := max(row.most, ours), taken(row.args, row.in); got > most {
			t.Errorf("%s takes %d KiB, more than %d", row.args, got, most)
		}
	}
}

// TestSedJoinsLines checks that joining all lines takes time in proportion to their number. If each line were copied with all
// before it, this would take many minutes.
func TestSedJoinsLines(t *testing.T) {
	cmd := exec.Command(filepath.Join(unpack(t), "sed"), "-n", `:a;N;$!ba;p`)
	cmd.Stdin = io.LimitReader(repeated("0123456789abcde\n"), 16*50_000)
	out, err := cmd.Output()
	if err != nil || bytes.Count(out, []byte("\n")) != 50_000 {
		t.Errorf("%d lines, %v", bytes.Count(out, []byte("\n")), err)
	}
}
