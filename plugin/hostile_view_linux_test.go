//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// viewIntrudeVariable turns the test program into an intruder that tries to change the toolbox of each view that it
// can reach.
const viewIntrudeVariable = "NSJOIN_TEST_INTRUDE_VIEW"

// viewLoot is what an intruder did in a view.
type viewLoot struct {
	View    string   // how it reached the view
	Reached bool     // it saw the toolbox
	Entered bool     // it joined the view's mount namespace
	Bound   bool     // it made the view's mount writable, by a flag
	Changed []string // what it changed; nothing if all is well
}

// TestViewIntruder is not a test: it runs in a container, by docker exec or in a view.
func TestViewIntruder(*testing.T) {
	if os.Getenv(viewIntrudeVariable) == "" {
		return
	}
	out := json.NewEncoder(os.Stdout)
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range append([]string{"/proc/self"}, dirs...) {
		if l := intrudeView(dir + "/root"); l.Reached {
			_ = out.Encode(l)
		}
		got := make(chan viewLoot)
		go func() {
			runtime.LockOSThread() // the thread ends with the goroutine
			got <- enterView(dir)
		}()
		if l := <-got; l.Reached {
			_ = out.Encode(l)
		}
		if changed := changeProgram(dir); len(changed) > 0 {
			_ = out.Encode(viewLoot{View: dir, Reached: true, Changed: changed})
		}
	}
}

// changeProgram writes to a process's program, if that is the toolbox's.
func changeProgram(dir string) (changed []string) {
	if exe, _ := os.Readlink(dir + "/exe"); !strings.HasSuffix(exe, "/.nsjoin/toolbox") {
		return nil
	}
	files, _ := filepath.Glob(dir + "/map_files/*")
	for _, name := range append(files, dir+"/exe") {
		for _, flags := range []int{unix.O_WRONLY, unix.O_RDWR} {
			if target, _ := os.Readlink(name); !strings.HasSuffix(target, "/.nsjoin/toolbox") {
				continue
			}
			if fd, err := unix.Open(name, flags|unix.O_CLOEXEC, 0); err == nil {
				changed = append(changed, "opened "+name)
				unix.Close(fd)
			}
		}
	}
	return changed
}

// intrudeView tries to change the view at a path.
func intrudeView(root string) viewLoot {
	l := viewLoot{View: root}
	toolbox, bin := root+"/.nsjoin/toolbox", root+"/.nsjoin/bin"
	if _, err := os.Stat(toolbox); err != nil {
		return l
	}
	l.Reached = true
	try := func(what string, err error) {
		if err == nil {
			l.Changed = append(l.Changed, what)
		}
	}
	for name, flags := range map[string]int{"write": unix.O_WRONLY, "read and write": unix.O_RDWR, "truncate": unix.O_RDWR | unix.O_TRUNC, "append": unix.O_WRONLY | unix.O_APPEND} {
		for _, file := range []string{toolbox, bin + "/sh"} {
			fd, err := unix.Open(file, flags|unix.O_CLOEXEC, 0)
			try("open to "+name+" "+file, err)
			if err == nil {
				unix.Close(fd)
			}
		}
	}
	try("truncate", unix.Truncate(toolbox, 0))
	try("chmod", unix.Chmod(toolbox, 0o777))
	try("chown", unix.Lchown(toolbox, 1, 1))
	try("setxattr", unix.Setxattr(toolbox, "user.a", []byte("b"), 0))
	try("utime", unix.Utime(toolbox, &unix.Utimbuf{}))
	try("unlink a tool", unix.Unlink(bin+"/sh"))
	try("unlink the program", unix.Unlink(toolbox))
	try("rename", unix.Rename(toolbox, root+"/.nsjoin/other"))
	try("rename onto it", unix.Rename(bin+"/sh", toolbox))
	try("link", unix.Link(toolbox, root+"/.nsjoin/other"))
	try("symlink", unix.Symlink("/bin/sh", bin+"/new"))
	try("mkdir", unix.Mkdir(root+"/.nsjoin/dir", 0o755))
	try("mkdir in the root", unix.Mkdir(root+"/nsjoin-test-dir", 0o755))
	try("a new file", unix.Mknod(bin+"/file", unix.S_IFREG|0o755, 0))
	if fd, err := unix.Open(toolbox, unix.O_RDONLY|unix.O_CLOEXEC, 0); err == nil {
		try("fchmod", unix.Fchmod(fd, 0o777))
		try("fchown", unix.Fchown(fd, 1, 1))
		try("set flags", unix.IoctlSetPointerInt(fd, unix.FS_IOC_SETFLAGS, 0x10)) // FS_IMMUTABLE_FL
		again, err := unix.Open(fmt.Sprintf("/proc/thread-self/fd/%d", fd), unix.O_RDWR|unix.O_CLOEXEC, 0)
		try("reopen", err)
		if err == nil {
			unix.Close(again)
		}
		_, err = unix.Mmap(fd, 0, 1, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
		try("map", err)
		unix.Close(fd)
	}
	return l
}

// enterView joins the mount namespace of a process, if its root directory is a view, and makes its mounts writable in
// all ways.
func enterView(dir string) viewLoot {
	l := viewLoot{View: dir + "/ns/mnt"}
	if _, err := os.Stat(dir + "/root/.nsjoin/toolbox"); err != nil {
		return l
	}
	mnt, err := unix.Open(dir+"/ns/mnt", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil || unix.Unshare(unix.CLONE_FS) != nil || unix.Setns(mnt, unix.CLONE_NEWNS) != nil { //nolint:forbidigo // the attacker is in no package
		return l
	}
	l.Reached, l.Entered = true, true
	rw := &unix.MountAttr{Attr_clr: unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOSUID}
	clone, _ := unix.OpenTree(unix.AT_FDCWD, "/", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	picked, _ := unix.Fspick(unix.AT_FDCWD, "/", unix.FSPICK_CLOEXEC)
	for _, way := range []func() error{
		func() error { return unix.Mount("", "/", "", unix.MS_REMOUNT, "") },
		func() error { return unix.Mount("", "/", "", unix.MS_REMOUNT|unix.MS_BIND, "") },
		func() error { return unix.MountSetattr(unix.AT_FDCWD, "/", 0, rw) },
		func() error { return unix.MountSetattr(clone, "", unix.AT_EMPTY_PATH, rw) },
		func() error { return unix.FsconfigSetFlag(picked, "rw") },
		func() error { return unix.FsconfigReconfigure(picked) },
		func() error { return unix.Mount("/.nsjoin", "/.nsjoin", "", unix.MS_BIND, "") },
		func() error { return unix.Mount("", "/.nsjoin", "", unix.MS_REMOUNT|unix.MS_BIND, "") },
	} {
		l.Bound = way() == nil || l.Bound
		l.Changed = append(l.Changed, intrudeView("").Changed...)
		if clone > 0 {
			l.Changed = append(l.Changed, intrudeView(fmt.Sprintf("/proc/thread-self/fd/%d", clone)).Changed...)
		}
	}
	return l
}

// manyCaps returns options of docker run for all capabilities that Engine 20.10 knows, except SYS_RESOURCE: the tests
// may run where it cannot be granted.
func manyCaps() (options []string) {
	for _, name := range plan.CapSet(1<<41 - 1).Names() {
		if !slices.Contains([]string{"sys_resource", "perfmon", "bpf", "checkpoint_restore"}, name) {
			options = append(options, "--cap-add", strings.ToUpper(name))
		}
	}
	return options
}

// No right of a container's root lets it change the toolbox's program in a view, nor a link to it.
func TestHostileView(t *testing.T) {
	self, c := testProgram(t), newCaller(t)
	for _, row := range []struct {
		name    string
		options []string
		enters  bool // it joins the mount namespace of another process
	}{
		{"default", nil, false},
		{"SYS_PTRACE", []string{"--cap-add", "SYS_PTRACE"}, false},
		{"SYS_ADMIN", []string{"--cap-add", "SYS_ADMIN"}, true},
		{"many capabilities", append(manyCaps(), "--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined"), true},
		{"user 1000", []string{"--user", "1000"}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			container := runContainer(t, slices.Concat(row.options, []string{"-v", self + ":/attacker:ro", testImage, "sleep", "600"})...)
			pid := c.viewed(t, container)
			toolbox := fmt.Sprintf("/proc/%d/root/.nsjoin/toolbox", pid)
			original, err := os.ReadFile(toolbox)
			if err != nil {
				t.Fatal(err)
			}
			args := []string{"-e", viewIntrudeVariable + "=1", container, "/attacker", "-test.run=^TestViewIntruder$"}
			outside := docker(t, append([]string{"exec"}, args...)...)
			within := c.docker(append([]string{"nsjoin", "debug"}, args...)...)
			var errs bytes.Buffer
			within.Stderr = &errs
			out, err := within.Output()
			if err != nil {
				t.Fatalf("%v: %s", err, &errs)
			}
			for name, output := range map[string]string{"by docker exec": outside, "in a view": string(out)} {
				checkLoot(t, name, output, row.enters)
			}
			now, err := os.ReadFile(toolbox)
			if err != nil || !bytes.Equal(now, original) {
				t.Errorf("the toolbox has changed: %d bytes, %v", len(now), err)
			}
		})
	}
}

// checkLoot checks what an intruder prints. It must have reached a view, and changed nothing. enters says whether it
// can join the view's mount namespace.
func checkLoot(t *testing.T, name, output string, enters bool) {
	t.Helper()
	reached, entered, bound := false, false, false
	for line := range strings.Lines(output) {
		var l viewLoot
		if json.Unmarshal([]byte(line), &l) != nil {
			continue
		}
		reached, entered, bound = reached || l.Reached, entered || l.Entered, bound || l.Bound
		if len(l.Changed) > 0 {
			t.Errorf("%s, %s: %q", name, l.View, l.Changed)
		}
	}
	if !reached || entered != enters || bound != enters {
		t.Errorf("%s: the intruder reached a view: %t, entered it: %t, made a mount writable: %t; want %t: %s", name, reached, entered, bound, enters, output)
	}
}

// viewed starts a tool that stays in the view of a container, and returns its process as the host sees it.
func (c caller) viewed(t *testing.T, container string) (pid int) {
	t.Helper()
	args := []string{"/.nsjoin/bin/sleep", fmt.Sprint(70000 + os.Getpid())}
	cmd := c.docker(append([]string{"nsjoin", "debug", container}, args...)...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Signal(unix.SIGTERM); _ = cmd.Wait() })
	init := initOf(t, container)
	eventually(t, "the command in the view runs", func() bool {
		for _, p := range inPIDNamespaceOf(init) {
			if line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.pid)); string(line) == strings.Join(args, "\x00")+"\x00" {
				pid = p.pid
			}
		}
		return pid != 0
	})
	return pid
}

// A container's root with CAP_SYS_PTRACE that stops the process as it appears in the container finds no descriptor of
// the view's or the toolbox's, and the view as its root directory.
func TestHostileViewIsTraced(t *testing.T) {
	engine, c := engineOfTest(t), newCaller(t)
	container, saw := attacked(t, "nothing", []string{"--cap-add", "SYS_PTRACE"})
	for range 40 {
		if out, err := c.docker("nsjoin", "debug", container, "true").CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if len(saw(t)) >= 5 {
			break
		}
	}
	all := saw(t)
	if len(all) == 0 {
		t.Fatal("the attacker never stopped a process of ours")
	}
	for _, s := range all {
		s.check(t, !helperIsForeign(engine), nil)
	}
}
