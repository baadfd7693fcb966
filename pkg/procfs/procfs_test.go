//go:build linux

package procfs

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestParseStat(t *testing.T) {
	const rest = " S 1 41 42 34816 42 4194308 100 0 0 0 1 2 0 0 20 0 1 0 98765 1000 100 18446744073709551615 " +
		"1 2 3 0 0 0 0 1 524290 0 0 0 17 1 0 0 0 0 0\n"
	want := Stat{State: 'S', Parent: 1, Group: 41, Session: 42, Exiting: true, Threads: 1, Start: 98765, NotDefault: 524291}
	for _, name := range []string{
		"cat", "", "a b", "(sd-pam)", "a) b (c", ") S 1 7 7 0 0 0", "a\nb", "))))", "42 (x) Z 1 2 3",
	} {
		if got, err := ParseStat("42 (" + name + ")" + rest); err != nil || got != want {
			t.Errorf("%q: %+v, %v; want %+v", name, got, err, want)
		}
	}
	for _, text := range []string{
		"", "42", "42 (cat) S 1 42 42", "42 cat" + rest, strings.Replace("42 (cat)"+rest, " 42 34816", " x 34816", 1),
		"42 (cat) S x 41 42 34816 42 4 0 0 0 0 1 2 0 0 20 0 1 0 98765 1000",
	} {
		if got, err := ParseStat(text); err == nil {
			t.Errorf("%q is read as %+v", text, got)
		}
	}
}

func TestReadStat(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a) Z (b")
	if err := os.Symlink("/bin/sleep", path); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "600")
	cmd.SysProcAttr = &unix.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	pid := cmd.Process.Pid
	got, err := ReadStat(pid)
	if err != nil || got.Parent != os.Getpid() || got.Session != pid || got.Group != pid || got.Dead() || got.Exiting ||
		got.Start == 0 || !got.DefaultAction(unix.SIGTSTP) {
		t.Errorf("it is %+v, %v", got, err)
	}
	if got, err := ReadStat(os.Getpid()); err != nil || got.DefaultAction(unix.SIGURG) { // Go's runtime handles it
		t.Errorf("this process is %+v, %v", got, err)
	}
	dir, err := os.Open("/proc/" + strconv.Itoa(pid))
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	if in, err := ReadStatAt(int(dir.Fd())); err != nil || in.Start != got.Start {
		t.Errorf("through its directory it is %+v, %v", in, err)
	}
	_ = cmd.Process.Kill()
	for err := error(nil); err == nil; {
		if got, err = ReadStat(pid); got.Dead() {
			break
		}
	}
	_ = cmd.Wait()
	for _, read := range []func() (Stat, error){
		func() (Stat, error) { return ReadStat(pid) },
		func() (Stat, error) { return ReadStatAt(int(dir.Fd())) },
	} {
		if got, err := read(); err == nil {
			t.Errorf("after wait it is %+v", got)
		}
	}
}

func TestNumbers(t *testing.T) {
	dir := t.TempDir()
	var want []int
	for i := range 3000 { // more than one getdents(2) returns
		want = append(want, i)
		if err := os.WriteFile(filepath.Join(dir, strconv.Itoa(i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "self"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := Numbers(dir)
	slices.Sort(got)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%d numbers, %v; want %d", len(got), err, len(want))
	}
	if _, err := Numbers(filepath.Join(dir, "none")); err == nil {
		t.Error("a missing directory is not an error")
	}
}

// A process can choose its name freely; no name changes another field.
func FuzzStat(f *testing.F) {
	const rest = " 1 10 20 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 555 0 0 0 0 0 0 0 0 0 0 4096 2 0 0 0 17 1 0 0"
	f.Add("sh", "S"+rest)
	f.Add("a) Z 1 99 99", "S"+rest)
	f.Add("(\n)", "R"+rest)
	f.Add("x", "Z 1 10")
	f.Add("", "")
	f.Fuzz(func(t *testing.T, name, rest string) {
		plain, plainErr := ParseStat(fmt.Sprintf("7 (sh) %s\n", rest))
		if strings.Contains(rest, ")") {
			return // the kernel writes none after the name
		}
		named, err := ParseStat(fmt.Sprintf("7 (%s) %s\n", name, rest))
		if named != plain || fmt.Sprint(err) != fmt.Sprint(plainErr) {
			t.Errorf("named %q it is %+v, %v; named sh %+v, %v", name, named, err, plain, plainErr)
		}
		if err != nil && !strings.HasPrefix(err.Error(), "stat: ") {
			t.Errorf("%q is refused with %q", rest, err)
		}
	})
}

// Lines are whole however they are cut by reads, and of the others nothing is left in the arrays that were read into.
func TestReadLinesWith(t *testing.T) {
	long := strings.Repeat("x", 5000)
	path := filepath.Join(t.TempDir(), "lines")
	if err := os.WriteFile(path, []byte("a one\nb two\n"+long+" one\n\na three one"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for text, want := range map[string][]string{
		"":    {"a one", "b two", long + " one", "", "a three one"},
		"one": {"a one", long + " one", "a three one"},
		"two": {"b two"},
		"no":  nil,
	} {
		var got []string
		if err := ReadLinesWith(f, "", text, func(line string) bool { got = append(got, line); return true }); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %.100q, %v", text, got, err)
		}
		var first []string
		if err := ReadLinesWith(f, "", text, func(line string) bool { first = append(first, line); return false }); err != nil || !slices.Equal(first, want[:min(1, len(want))]) {
			t.Errorf("%q, the first: %.100q, %v", text, first, err)
		}
	}
}
