//go:build linux

package main_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/ns"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
)

// toolbox is the program of the tests' toolbox. It is a script, since the processes of these tests have this
// machine's files.
const toolbox = `#!/bin/sh
case $0 in
*/says) shift 0; echo says "$@" ;;
*/run) eval "$*" ;;
*) echo "called as $0" >&2; exit 1 ;;
esac
`

// inView runs a command in the view of a process, with the toolbox's programs says and run.
func inView(t *testing.T, pid int, change func(*request.Request), command ...string) (stdout, stderr string, status int) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "toolbox")
	if err := os.WriteFile(file, []byte(toolbox), 0o600); err != nil {
		t.Fatal(err)
	}
	program, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	helper, err := filepath.Abs("../../pkg/payload/helpers/linux_" + runtime.GOARCH)
	if err != nil {
		t.Fatal(err)
	}
	r := &request.Request{
		Base: request.Source{From: request.FromPID, PID: pid}, Take: ns.All(), Command: command,
		View: &request.View{Tools: []string{"says", "run"}, Program: 4},
		Exec: request.Exec{Dir: "/"},
	}
	if change != nil {
		change(r)
	}
	return runHelperWith(t, r, []*os.File{program}, helper)
}

// viewed is inView for a command that succeeds; it returns what the command prints.
func viewed(t *testing.T, pid int, command ...string) string {
	t.Helper()
	out, stderr, status := inView(t, pid, nil, command...)
	if status != 0 {
		t.Fatalf("%q: status %d: %s%s", command, status, stderr, out)
	}
	return out
}

// within runs a shell's commands in the mount namespace of a process.
func within(t *testing.T, pid int, script string) string {
	t.Helper()
	out, err := exec.Command("nsenter", "-m", "-r", "-w", "-t", fmt.Sprint(pid), "sh", "-c", script).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", script, err, out)
	}
	return string(out)
}

// rooted returns a process in namespaces of its own, whose root directory is a tmpfs with this machine's programs
// and what a shell's commands make there.
func rooted(t *testing.T, kinds ns.Set, script string) int {
	t.Helper()
	pid := isolated(t, kinds)
	const base = `mount --make-rprivate / && mount -t tmpfs root /mnt && cd /mnt && mkdir usr etc proc dev tmp old &&
for d in usr dev; do mount --rbind /$d $d; done && mount -t proc proc proc
for d in bin sbin lib lib64; do if [ -L /$d ]; then cp -P /$d .; elif [ -d /$d ]; then mkdir $d && mount --rbind /$d $d; fi; done
`
	within(t, pid, base+script+"\npivot_root . old && umount -l old && rmdir old")
	return pid
}

func TestViewHasTheContainersFilesAndTheTools(t *testing.T) {
	for _, kinds := range []ns.Set{ns.SetOf(ns.Mnt), ns.All().Without(ns.SetOf(ns.User)), ns.All()} {
		t.Run(kinds.String(), func(t *testing.T) {
			pid := rooted(t, kinds, `mkdir data "a b" && mount -t tmpfs data data && echo text >data/file && mkdir data/sub && mount -t tmpfs sub data/sub &&
: >file && echo short >$(printf 'new\nline') && ln -s data/file link && ln -s /nowhere dangling && mkfifo fifo && mount -o remount,ro etc 2>/dev/null
true`)
			const listAll = "cd /; ls -lAR --time-style=+ data tmp etc; ls -A"
			mounts, listing := within(t, pid, "cat /proc/self/mountinfo"), within(t, pid, listAll)
			out := viewed(t, pid, "sh", "-c", `cd / && ls -A | tr '\n' ' ' && echo && cat link && readlink dangling && test -p fifo && cat new* &&
says PATH $PATH && run 'echo run by $0' && echo written >data/new && rm data/new && stat -f -c %T data/sub && pwd && cd "a b" && pwd`)
			want := "\ntext\n/nowhere\nshort\nsays PATH "
			if !strings.Contains(out, want) || !strings.Contains(out, ":/.nsjoin/bin\nrun by /.nsjoin/bin/run\ntmpfs\n/\n/a b\n") {
				t.Errorf("%q", out)
			}
			names := strings.Fields(strings.SplitN(out, "\n", 2)[0])
			slices.Sort(names)
			if got := within(t, pid, "cat /proc/self/mountinfo"); got != mounts {
				t.Errorf("the container's mounts have changed:\n%s\n%s", mounts, got)
			}
			if got := within(t, pid, listAll); got != listing {
				t.Errorf("the container's files have changed:\n%s\n%s", listing, got)
			}
			for _, name := range []string{".nsjoin", "data", "dev", "dangling", "fifo", "file", "proc", "usr"} {
				if !slices.Contains(names, name) {
					t.Errorf("%s is missing: %q", name, names)
				}
			}
		})
	}
}

// failsIn runs a command in a view that must be refused with a line that contains want.
func failsIn(t *testing.T, pid int, want string) {
	t.Helper()
	out, stderr, status := inView(t, pid, nil, "true")
	if status != 125 || !strings.Contains(stderr, want) || strings.Count(stderr, "\n") > 2 {
		t.Errorf("status %d, %q, %q; want %s", status, out, stderr, want)
	}
}

func TestViewOfTooManyEntriesIsRefused(t *testing.T) {
	pid := rooted(t, ns.SetOf(ns.Mnt), "seq 1 100000 | xargs touch")
	start := time.Now()
	failsIn(t, pid, "its root directory has more than 512 entries")
	if took := time.Since(start); took > 30*time.Second {
		t.Errorf("it took %s", took)
	}
}

// 512 entries are not too many.
func TestViewOfManyEntries(t *testing.T) {
	pid := rooted(t, ns.SetOf(ns.Mnt), "seq 1 490 | xargs mkdir")
	if out := viewed(t, pid, "sh", "-c", "ls -A / | wc -l"); len(strings.TrimSpace(out)) != 3 {
		t.Errorf("%s entries", out)
	}
}

// Entries of every type, with names that look like options, paths or ours, are what they are, and lead nowhere else.
func TestViewOfHostileEntries(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(outside, []byte("of the host"), 0o644); err != nil {
		t.Fatal(err)
	}
	pid := rooted(t, ns.SetOf(ns.Mnt, ns.PID), fmt.Sprintf(`mkfifo fifo ./-n; mknod null c 1 3; mknod disk b 7 0; : >'a,b:c\d'; : >'$(reboot)'; mkdir -- -rf ...
python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("socket")' 2>/dev/null || : >socket
ln -s / root; ln -s .. up; ln -s loop loop; ln -s /proc/1/root magic; ln -s /proc/self/fd/9 fd; ln -s %s secret; ln -s ../../../../../..%s far
ln -s /usr .nsjoin; mkdir .nsjoin.d; ln -s $(head -c 4000 /dev/zero | tr '\0' x) long
mkdir masked && mount -t tmpfs -o mode=0 none masked; mkdir full && : >full/file && mount --bind full/file full/file`, outside, outside))
	out, stderr, status := inView(t, pid, nil, "sh", "-c", `cd /
for f in fifo -n; do test -p ./$f || echo $f is no FIFO; done
test -c null && echo x >null && test -b disk && test -f 'a,b:c\d' && test -f '$(reboot)' && test -d ./-rf && test -d ... || echo a type is wrong
test -S socket || test -f socket || echo no socket
for link in root up loop magic fd secret far long; do test -L $link || echo $link is no link; done
cat secret far 2>/dev/null && echo read outside
ls root/secret-of-nobody up/../../../..`+filepath.Dir(outside)+` magic/nothing 2>/dev/null && echo reached outside
test -f /.nsjoin/toolbox && test ! -L /.nsjoin || echo ours is not ours
says done`)
	if status != 0 || out != "says done\n" {
		t.Errorf("status %d: %q, %q", status, out, stderr)
	}
	if !strings.Contains(stderr, "/.nsjoin of pid:") || !strings.Contains(stderr, "is hidden by the toolbox") {
		t.Errorf("no warning: %q", stderr)
	}
}

// While entries of the root directory change from one type to another all the time, a view has what is there at some
// time, or is refused.
func TestViewWhileEntriesChange(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(outside, []byte("of the host"), 0o644); err != nil {
		t.Fatal(err)
	}
	pid := rooted(t, ns.SetOf(ns.Mnt), "mkdir mounted")
	mounting := exec.Command("nsenter", "-m", "-r", "-w", "-t", fmt.Sprint(pid), "sh", "-c", "while :; do mount -t tmpfs none /mounted; umount -l /mounted; done")
	if err := mounting.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = mounting.Process.Kill(); _ = mounting.Wait() })
	swap := fmt.Sprintf("/proc/%d/root/swap", pid)
	over := make(chan struct{})
	defer func() { over <- struct{}{} }()
	go func() {
		for i := 0; ; i++ {
			select {
			case <-over:
				return
			default:
			}
			switch _ = os.Remove(swap); i % 5 {
			case 0, 2:
				_ = os.Mkdir(swap, 0o755)
			case 1:
				_ = os.Symlink(outside, swap)
			case 3:
				_ = os.WriteFile(swap, nil, 0o644)
			case 4:
				_ = os.Symlink("/", swap)
			}
		}
	}()
	counts := make(map[int]int)
	for calls := 0; calls < 60 || calls < 400 && (counts[0] == 0 || counts[125] == 0); calls++ {
		out, stderr, status := inView(t, pid, nil, "sh", "-c", "test ! -f /swap || cat /swap; test ! -d /swap || ls /swap >/dev/null; test -x /.nsjoin/toolbox")
		counts[status]++
		switch {
		case status == 0 && out == "":
		case status == 125 && strings.Contains(stderr, `"/swap": `) && strings.Contains(stderr, "\nhint: the container has changed it in the meantime"):
		default:
			t.Fatalf("status %d: %q, %q", status, out, stderr)
		}
	}
	t.Logf("statuses: %v", counts)
	if counts[0] == 0 || counts[125] == 0 {
		t.Error("every call ended in the same way")
	}
}

// The program that the view shows is complete before the command runs, and a toolbox that cannot be read is an error.
func TestToolboxThatCannotBeRead(t *testing.T) {
	pid := rooted(t, ns.SetOf(ns.Mnt), "")
	for want, view := range map[string]*request.View{
		"the toolbox: read toolbox: bad file descriptor":                    {Tools: []string{"says"}, Program: 77},
		"the toolbox: open /nowhere: no such file or directory":             {Tools: []string{"says"}, ProgramPath: "/nowhere"},
		"the toolbox: the request names no program":                         {Tools: []string{"says"}},
		"the toolbox: its program is empty":                                 {Tools: []string{"says"}, ProgramPath: "/dev/null"},
		"the toolbox: its program has more than 67108864 bytes":             {Tools: []string{"says"}, ProgramPath: "/dev/zero"},
		`make the view: make its files: the tool "says": file exists`:       {Tools: []string{"says", "says"}, Program: 4},
		`view of pid:` + fmt.Sprint(pid) + `: "a/b" is not the name of a p`: {Tools: []string{"a/b"}, Program: 4},
	} {
		_, stderr, status := inView(t, pid, func(r *request.Request) { r.View = view }, "true")
		if status != 125 || !strings.Contains(stderr, want) {
			t.Errorf("status %d, %q; want %s", status, stderr, want)
		}
	}
}

// treeOf is a request of a view with a tree: this machine's root directory, with the process's at /target.
func treeOf(r *request.Request) { r.View = &request.View{Tree: "/"} }

func TestTreeAtTheRootAndTheContainerAtTarget(t *testing.T) {
	marker := filepath.Join(t.TempDir(), "marker")
	if err := os.WriteFile(marker, []byte("of the tree"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, kinds := range []ns.Set{ns.SetOf(ns.Mnt), ns.All().Without(ns.SetOf(ns.User)), ns.All()} {
		t.Run(kinds.String(), func(t *testing.T) {
			pid := rooted(t, kinds, `mkdir data sys && mount -t tmpfs data data && echo text >data/file && ln -s /data/file link
echo 10.9.8.7 web >etc/hosts && ln -s /etc/hosts etc/resolv.conf && seq 1 600 | sed s,^,entry-, | xargs touch`)
			mounts := within(t, pid, "cat /proc/self/mountinfo")
			out, stderr, status := inView(t, pid, treeOf, "sh", "-c", `cat $0 /target/data/file /etc/hosts; echo
echo new >/target/data/new && rm /target/data/new; touch /new 2>&1; ls -d /.nsjoin /target/link /target/entry-600 2>&1
grep -c . /proc/self/mountinfo >/dev/null && readlink /proc/self/ns/pid; echo $PATH`, marker)
			if status != 0 || !strings.Contains(out, "of the treetext\n10.9.8.7 web\n") || !strings.Contains(out, "touch: cannot touch '/new': Read-only file system\n") ||
				!strings.Contains(out, "/target/link\n/target/entry-600\n") && !strings.Contains(out, "/target/entry-600\n/target/link\n") {
				t.Errorf("status %d: %q, %q", status, out, stderr)
			}
			if !strings.Contains(out, linkOf(t, pid, ns.PID)) || strings.Contains(out, "/.nsjoin/bin") {
				t.Errorf("the /proc or PATH is not the container's: %q", out)
			}
			if !strings.Contains(stderr, `/etc/resolv.conf of pid:`+fmt.Sprint(pid)+` is not what an engine makes there, and is only in /target`) {
				t.Errorf("no warning: %q", stderr)
			}
			if now := within(t, pid, "cat /proc/self/mountinfo"); now != mounts {
				t.Errorf("the container's mounts have changed:\n%s\n%s", mounts, now)
			}
		})
	}
}

// A tree that is not there is an error.
func TestTreeThatIsMissing(t *testing.T) {
	pid := rooted(t, ns.SetOf(ns.Mnt), "")
	_, stderr, status := inView(t, pid, func(r *request.Request) { r.View = &request.View{Tree: "/nowhere"} }, "true")
	if status != 125 || !strings.Contains(stderr, "the tree /nowhere: no such file or directory") {
		t.Errorf("status %d, %q", status, stderr)
	}
}

// ofEngines matches mounts that engines of this machine make at any time.
var ofEngines = regexp.MustCompile(`/docker|/engine/|/containerd|/nsjoin\.|/netns`)

func lines(t *testing.T, file string) []string {
	t.Helper()
	return strings.Split(strings.TrimSuffix(readFile(t, file), "\n"), "\n")
}

// In a chroot nothing is mounted: the mounts could appear outside.
func TestViewFromAChroot(t *testing.T) {
	pid := rooted(t, ns.SetOf(ns.Mnt), "")
	before := lines(t, "/proc/self/mountinfo")
	dir := t.TempDir()
	if err := os.Mkdir(dir+"/proc", 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("cp", "../../pkg/payload/helpers/linux_"+runtime.GOARCH, dir+"/helper").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	r := &request.Request{Base: request.Source{From: request.FromPID, PID: pid}, Take: ns.All(), Command: []string{"true"}, View: &request.View{Tree: "/"}}
	r.Dir = "/"
	_, stderr, status := runHelperWith(t, r, nil, "unshare", "-m", "sh", "-c", `mount -t proc proc `+dir+`/proc && exec chroot `+dir+` /helper "$@"`, "sh")
	if status != 125 || !strings.Contains(stderr, "make the mounts private: invalid argument\nhint: docker nsjoin's root directory is not a mount: ") {
		t.Errorf("status %d, %q", status, stderr)
	}
	for _, line := range lines(t, "/proc/self/mountinfo") {
		if !slices.Contains(before, line) && !ofEngines.MatchString(line) {
			t.Errorf("a mount that was not there before: %s", line)
		}
	}
}
