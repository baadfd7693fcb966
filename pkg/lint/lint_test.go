package lint_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/lint"
	"github.com/nsjoin/docker-nsjoin/pkg/program/programtest"
)

const searchPath = "/usr/local/bin:/usr/bin:/bin"

var (
	static  = program1(string(programtest.ELF{Machine: 62}.Bytes()))
	dynamic = program1(string(programtest.ELF{Machine: 62, Loader: glibc, Needed: []string{"libc.so.6"}}.Bytes()))
	library = file{mode: 0o644, content: string(programtest.ELF{Machine: 62}.Bytes())}
	foreign = program1(string(programtest.ELF{Machine: 183}.Bytes()))
	passwd  = file{mode: 0o644, content: "root:x:0:0::/:\napp:x:1000:1000::/:\n"}
	loop    = link("/loop")
)

const glibc = "/lib64/ld-linux-x86-64.so.2"

// check returns the findings that are not ok, or all of them, each a line: level, check, text, hint.
func check(t *testing.T, start lint.Start, files fake, all bool) string {
	t.Helper()
	if start.Dir == "" {
		start.Dir = "/"
	}
	if start.Path == "" {
		start.Path = searchPath
	}
	if start.Arch == "" {
		start.Arch = "amd64"
	}
	if start.Entrypoint == nil && start.Cmd == nil {
		start.Cmd = start.Command
	}
	findings, err := lint.Check(context.Background(), start, files, parser{})
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, f := range findings {
		if all || f.Level != lint.OK {
			lines = append(lines, fmt.Sprintf("%s %s: %s | %s", f.Level, f.Check, f.Text, f.Hint))
		}
	}
	return strings.Join(lines, "\n")
}

// Each row is a command in a container with these files. want has a part of the only finding that is not ok; "" if all
// is ok.
func TestCommands(t *testing.T) {
	root := lint.Start{Overrides: true}
	app := lint.Start{User: "app", Overrides: true}
	for _, row := range []struct {
		name  string
		start lint.Start
		argv  []string
		files fake
		want  string
	}{
		{"a static program", root, []string{"/app"}, fake{"/app": static}, ""},
		{"by PATH", root, []string{"app"}, fake{"/usr/bin/app": static}, ""},
		{"by links", root, []string{"app"}, fake{"/bin": link("usr/bin"), "/usr/bin/app": link("../lib/app/app"), "/usr/lib/app/app": static}, ""},
		{"a link out of the root", root, []string{"/a"}, fake{"/a": link("../../../b/../app"), "/b/x": static, "/app": static}, ""},
		{"by the working directory", lint.Start{Dir: "/srv"}, []string{"./app"}, fake{"/srv/app": static}, ""},
		{"none", root, nil, fake{"/app": static}, "failure form: there is neither ENTRYPOINT nor CMD"},
		{"an empty word", root, []string{""}, fake{"/app": static}, "failure program: the first word of the command is empty"},
		{"missing", root, []string{"/app/server"}, fake{"/app/x": static}, `failure program: /app/server does not exist`},
		{"not in PATH", root, []string{"server"}, fake{"/app/x": static}, `failure program: "server" does not exist in PATH, ` + searchPath},
		{"in the working directory, not in PATH", lint.Start{Dir: "/srv"}, []string{"app"}, fake{"/srv/app": static}, "write ./app or /srv/app"},
		{"a broken link", root, []string{"/app"}, fake{"/app": link("/opt/app")}, `"/app": /opt does not exist`},
		{"a loop of links", root, []string{"/loop"}, fake{"/loop": loop}, "/loop is a loop of links"},
		{"a file as a directory", root, []string{"/app/x"}, fake{"/app": static}, `"/app/x": /app is not a directory`},
		{"a directory", root, []string{"/app"}, fake{"/app/x": static}, "/app is a directory"},
		{"a FIFO", root, []string{"/app"}, fake{"/app": {mode: fs.ModeNamedPipe | 0o777}}, "/app is not a regular file"},
		{"not executable", root, []string{"/app"}, fake{"/app": {mode: 0o644, content: static.content}}, "failure program: /app is not executable: its mode is 0644 | RUN chmod +x /app"},
		{"not executable in PATH", root, []string{"app"}, fake{"/bin/app": {mode: 0o644, content: static.content}}, `"app": /bin/app is not executable`},
		{"a hostile name", root, []string{"/a'; b"}, fake{"/a'; b": {mode: 0o644}}, `RUN chmod +x '/a'\''; b'`},
		{"a user's program", app, []string{"/app"}, fake{"/etc/passwd": passwd, "/app": {mode: 0o500, content: static.content, uid: 1000}}, ""},
		{"a group's program", app, []string{"/app"}, fake{"/etc/passwd": passwd, "/app": {mode: 0o650, content: static.content, gid: 1000}}, ""},
		{"another user's program", app, []string{"/app"}, fake{"/etc/passwd": passwd, "/app": {mode: 0o700, content: static.content}}, "/app may not be executed by the user app: its mode is 0700"},
		{"a closed directory", app, []string{"/root/app"}, fake{"/etc/passwd": passwd, "/root": {mode: fs.ModeDir | 0o700}, "/root/app": static}, "/root/app: the user app may not enter /root"},
		{"root may enter it", root, []string{"/root/app"}, fake{"/root": {mode: fs.ModeDir | 0o700, uid: 5}, "/root/app": static}, ""},
		{"root without CAP_DAC_OVERRIDE", lint.Start{}, []string{"/x/app"}, fake{"/x": {mode: fs.ModeDir | 0o700, uid: 5}, "/x/app": static}, "the user root may not enter /x"},
		{"no such user", lint.Start{User: "nosuch"}, []string{"/app"}, fake{"/etc/passwd": passwd, "/app": static}, `failure user: there is no user "nosuch"`},
		{"no such group", lint.Start{User: "app:nosuch"}, []string{"/app"}, fake{"/etc/passwd": passwd, "/app": static}, `failure user: there is no group "nosuch"`},
		{"no such additional group", lint.Start{Groups: []string{"nosuch"}}, []string{"/app"}, fake{"/etc/passwd": passwd, "/app": static}, `failure user: there is no group "nosuch"`},
		{"a number without passwd", lint.Start{User: "65532:65532"}, []string{"/app"}, fake{"/app": static}, ""},
		{"no working directory", lint.Start{Dir: "/srv"}, []string{"/app"}, fake{"/app": static}, "warning directory: the working directory /srv does not exist; it is created"},
		{"a file as the working directory", lint.Start{Dir: "/app"}, []string{"/app"}, fake{"/app": static}, "failure directory: the working directory /app is not a directory"},
		{"a tmpfs", lint.Start{Hidden: []string{"/run"}}, []string{"/run/app"}, fake{"/app": static}, `unknown program: "/run/app": /run is mounted when the container starts`},
		{"a file that cannot be read", root, []string{"/app"}, fake{"/app": {err: unreadable{}}}, `unknown program: "/app": it cannot be read`},

		{"another architecture", root, []string{"/app"}, fake{"/app": foreign}, "failure architecture: /app is for arm64, the engine's machine is amd64 (exec format error) | docker pull --platform linux/amd64"},
		{"an emulated one", lint.Start{Emulates: func(arch string) bool { return arch == "arm64" }}, []string{"/app"}, fake{"/app": foreign}, "warning architecture: /app is for arm64, the engine's machine is amd64 and emulates it"},
		{"one that runs", lint.Start{Running: true}, []string{"/app"}, fake{"/app": foreign}, ""},
		{"386 on amd64", lint.Start{}, []string{"/app"}, fake{"/app": program1("\x7fELF\x01\x01" + strings.Repeat("\x00", 10) + "\x02\x00\x03\x00" + strings.Repeat("\x00", 22) + "\x20\x00" + strings.Repeat("\x00", 10))}, ""},
		{"an object file", root, []string{"/app"}, fake{"/app": program1(static.content[:16] + "\x01" + static.content[17:])}, "/app is an object file"},
		{"a truncated program", root, []string{"/app"}, fake{"/app": program1(dynamic.content[:len(dynamic.content)-1])}, "/app is incomplete"},
		{"a damaged program", root, []string{"/app"}, fake{"/app": program1("\x7fELF\x02\x01")}, "/app is damaged"},
		{"an empty file", root, []string{"/app"}, fake{"/app": program1("")}, "/app is empty (exec format error)"},
		{"a text file", root, []string{"/app"}, fake{"/app": program1("echo a\n")}, "/app is a script without a #! line (exec format error) | begin it with #!/bin/sh"},
		{"for Windows", root, []string{"/app"}, fake{"/app": program1("MZ\x90")}, "/app is a program for Windows"},
		{"for macOS", root, []string{"/app"}, fake{"/app": program1("\xcf\xfa\xed\xfe")}, "/app is a program for macOS"},
		{"other", root, []string{"/app"}, fake{"/app": program1("\x00\x01")}, "/app is neither a program nor a script"},

		{"a script", root, []string{"/s"}, fake{"/s": program1("#!/bin/sh -e\n"), "/bin/sh": static}, ""},
		{"a script's interpreter", root, []string{"/s"}, fake{"/s": program1("#!/bin/bash\n")}, `failure interpreter: the interpreter "/bin/bash" of /s: /bin does not exist | install bash`},
		{"no shell", root, []string{"/s"}, fake{"/s": program1("#!/bin/sh\n"), "/bin/a": static}, `/bin/sh does not exist | the image has no shell`},
		{"an interpreter that is not executable", root, []string{"/s"}, fake{"/s": program1("#!/bin/sh\n"), "/bin/sh": {mode: 0o644}}, `/bin/sh is not executable`},
		{"a chain of scripts", root, []string{"/s"}, fake{"/s": program1("#!/t\n"), "/t": program1("#!/bin/sh\n"), "/bin/sh": static}, ""},
		{"an endless chain", root, []string{"/s"}, fake{"/s": program1("#!/s\n")}, "failure interpreter: /s: more than 4 interpreters"},
		{"carriage returns", root, []string{"/s"}, fake{"/s": program1("#!/bin/sh\r\n"), "/bin/sh": static}, `the kernel looks for "/bin/sh\r" | remove it: sed -i 's/\r$//' /s`},
		{"a byte order mark", root, []string{"/s"}, fake{"/s": program1("\xef\xbb\xbf#!/bin/sh\n"), "/bin/sh": static}, "/s begins with a byte order mark"},
		{"an empty first line", root, []string{"/s"}, fake{"/s": program1("\n#!/bin/sh\n"), "/bin/sh": static}, "/s has an empty line or spaces before its #!"},
		{"a long first line", root, []string{"/s"}, fake{"/s": program1("#!/" + strings.Repeat("a", 300) + "\n")}, "the #! line of /s names no interpreter, or is longer"},
		{"env", root, []string{"/s"}, fake{"/s": program1("#!/usr/bin/env bash\n"), "/usr/bin/env": static, "/bin/bash": static}, ""},
		{"env without it", root, []string{"/s"}, fake{"/s": program1("#!/usr/bin/env -S python3 -u\n"), "/usr/bin/env": static}, `failure interpreter: env finds no "python3" in PATH`},

		{"a dynamic program", root, []string{"/app"}, fake{"/app": dynamic, glibc: static, "/lib/x86_64-linux-gnu/libc.so.6": library}, ""},
		{"no loader", root, []string{"/app"}, fake{"/app": dynamic, "/lib/libc.so.6": library}, `failure loader: the loader "` + glibc + `" of /app: /lib64 does not exist | it was built for glibc`},
		{"no musl loader", root, []string{"/app"}, fake{"/app": program1(string(programtest.ELF{Machine: 62, Loader: "/lib/ld-musl-x86_64.so.1"}.Bytes()))}, `/lib does not exist | it was built for musl`},
		{"no library", root, []string{"/app"}, fake{"/app": dynamic, glibc: static}, "failure libraries: the library libc.so.6, which /app needs, is in none of /lib/x86_64-linux-gnu:/usr/lib/x86_64-linux-gnu:/lib64:"},
		{"a library of another architecture", root, []string{"/app"}, fake{"/app": dynamic, glibc: static, "/lib/libc.so.6": foreign}, "failure libraries: the library libc.so.6"},
		{"a library that is not ELF", root, []string{"/app"}, fake{"/app": dynamic, glibc: static, "/lib/libc.so.6": program1("no")}, "failure libraries: the library libc.so.6"},
		{"a library that the user may not read", app, []string{"/app"}, fake{"/etc/passwd": passwd, "/app": dynamic, glibc: static, "/lib/libc.so.6": {mode: 0o600, content: library.content}}, "failure libraries: the library libc.so.6"},
		{"a library that cannot be seen", root, []string{"/app"}, fake{"/app": dynamic, glibc: static, "/lib/libc.so.6": {err: unreadable{}}}, "unknown libraries: the library libc.so.6, which /app needs: it cannot be read"},
		{"a library of the loader's configuration", root, []string{"/app"}, fake{
			"/app": dynamic, glibc: static, "/opt/lib/libc.so.6": library,
			"/etc/ld.so.conf": {mode: 0o644, content: "include ld.so.conf.d/*.conf\ninclude /etc/ld.so.conf\n"}, "/etc/ld.so.conf.d/a.conf": {mode: 0o644, content: "/opt/lib\n"}, "/etc/ld.so.conf.d/b.txt": {mode: 0o644, content: "/no\n"},
		}, ""},
		{"by LD_LIBRARY_PATH", lint.Start{Env: []string{"LD_LIBRARY_PATH=/a:/opt"}}, []string{"/app"}, fake{"/app": dynamic, glibc: static, "/opt/libc.so.6": library}, ""},
		{"by $ORIGIN", root, []string{"/srv/bin/app"}, fake{
			"/srv/bin/app": program1(string(programtest.ELF{Machine: 62, Loader: glibc, Needed: []string{"a.so"}, RunPath: "$ORIGIN/../lib"}.Bytes())), glibc: static,
			"/srv/lib/a.so": library,
		}, ""},
		{"what a library needs", root, []string{"/app"}, fake{
			"/app": dynamic, glibc: static, "/lib/libc.so.6": program1(string(programtest.ELF{Machine: 62, Needed: []string{"b.so", "ld-linux-x86-64.so.2"}}.Bytes())),
		}, "failure libraries: the library b.so, which /lib/libc.so.6 needs"},
		{"by the RPATH of what needs it", root, []string{"/app"}, fake{
			"/app": program1(string(programtest.ELF{Machine: 62, Loader: glibc, Needed: []string{"a.so"}, RPath: "/r"}.Bytes())), glibc: static,
			"/r/a.so": program1(string(programtest.ELF{Machine: 62, Needed: []string{"b.so"}}.Bytes())), "/r/b.so": library,
		}, ""},
		{"not by its RUNPATH", root, []string{"/app"}, fake{
			"/app": program1(string(programtest.ELF{Machine: 62, Loader: glibc, Needed: []string{"a.so"}, RunPath: "/r"}.Bytes())), glibc: static,
			"/r/a.so": program1(string(programtest.ELF{Machine: 62, Needed: []string{"b.so"}}.Bytes())), "/r/b.so": library,
		}, "the library b.so, which /r/a.so needs"},
		{"musl", root, []string{"/app"}, fake{
			"/app":                     program1(string(programtest.ELF{Machine: 62, Loader: "/lib/ld-musl-x86_64.so.1", Needed: []string{"libc.musl-x86_64.so.1", "libc.so", "a.so"}}.Bytes())),
			"/lib/ld-musl-x86_64.so.1": static, "/lib/libc.musl-x86_64.so.1": link("ld-musl-x86_64.so.1"), "/usr/local/lib/a.so": library,
		}, ""},
		{"musl with a path file", root, []string{"/app"}, fake{
			"/app": program1(string(programtest.ELF{Machine: 62, Loader: "/lib/ld-musl-x86_64.so.1", Needed: []string{"a.so"}}.Bytes())), "/lib/ld-musl-x86_64.so.1": static,
			"/etc/ld-musl-x86_64.path": {mode: 0o644, content: "/opt\n"}, "/lib/a.so": library,
		}, "the library a.so, which /app needs, is in none of /opt |"},
	} {
		start := row.start
		start.Command = row.argv
		got := check(t, start, row.files, false)
		if row.want == "" && got != "" || !strings.Contains(got, row.want) || strings.Contains(got, "\n") {
			t.Errorf("%s:\n%s\nwant %s", row.name, got, row.want)
		}
	}
}

// ENTRYPOINT and CMD in their forms.
func TestForms(t *testing.T) {
	shell := func(line string) []string { return []string{"/bin/sh", "-c", line} }
	files := fake{"/bin/sh": static, "/bin/a": static, "/bin/echo": static}
	for _, row := range []struct {
		name            string
		entrypoint, cmd []string
		want            string
	}{
		{"exec", []string{"a"}, []string{"x"}, ""},
		{"CMD in the shell form", nil, shell("a x"), ""},
		{"ENTRYPOINT in the shell form", shell("a x"), nil, ""},
		{"the shell form ignores CMD", shell("a x"), []string{"y"}, "warning form: ENTRYPOINT is in the shell form, CMD in the exec form: CMD is ignored"},
		{"both in the shell form", shell("a x"), shell("y"), "warning form: ENTRYPOINT and CMD are both in the shell form: CMD is ignored"},
		{"an exec form before a shell form", []string{"a"}, shell("y"), "warning form: CMD is in the shell form: ENTRYPOINT gets /bin/sh -c '…' as arguments"},
		{"single quotes", nil, shell("['a', 'x']"), "failure form: CMD is not valid JSON, so it is a command line for the shell: ['a', 'x'] | the exec form is JSON"},
		{"a comma too many", shell(`["a", "x",]`), nil, "failure form: ENTRYPOINT is not valid JSON"},
		{"a test", nil, shell(`[ -f /a ] && a`), ""},
		{"a whole command line as a word", nil, []string{"a x"}, `failure program: "a x" does not exist in PATH, ` + searchPath + ` | each word of the exec form is one argument: ["a", "x"]`},
		{"a builtin", nil, []string{"cd", "/x"}, `cd is a command of the shell`},
		{"a variable", nil, []string{"$HOME/a"}, `the exec form replaces no variables`},
		{"a missing command of the shell", nil, shell("nosuch x"), `failure program: the shell's command: "nosuch" does not exist in PATH`},
		{"a missing command after exec", nil, shell("exec /no/such"), `failure program: the shell's command: "/no/such": /no does not exist`},
		{"an assignment", nil, shell("A=1 nosuch"), ""},
		{"a keyword", nil, shell("while true; do :; done"), ""},
		{"a quoted command", nil, shell("'no such' x"), ""},
	} {
		got := check(t, lint.Start{Entrypoint: row.entrypoint, Cmd: row.cmd, Command: append(append([]string{}, row.entrypoint...), row.cmd...)}, files, false)
		if row.want == "" && got != "" || !strings.Contains(got, row.want) || strings.Contains(got, "\n") {
			t.Errorf("%s:\n%s\nwant %s", row.name, got, row.want)
		}
	}
	if line, is := lint.ShellForm([]string{"powershell", "-c", "x"}, []string{"powershell", "-c"}); !is || line != "x" {
		t.Errorf("the image's own shell: %q, %v", line, is)
	}
}

// What is right is said too, each in a line.
func TestAllIsRight(t *testing.T) {
	got := check(t, lint.Start{User: "app", Command: []string{"s"}}, fake{
		"/etc/passwd": passwd, "/bin/s": program1("#!/bin/app\n"), "/bin/app": dynamic, glibc: static, "/lib/libc.so.6": library,
	}, true)
	want := `ok form: exec form | 
ok user: "app" is uid 1000, gid 1000 | 
ok directory: / | 
ok program: s is /bin/s | 
ok interpreter: /bin/s is a script for /bin/app | 
ok architecture: amd64 | 
ok loader: /lib64/ld-linux-x86-64.so.2 | 
ok libraries: all 1 are there | `
	if got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

// An engine that does not answer ends the check: it is no fault of the container.
func TestEngineFails(t *testing.T) {
	down := errors.New("the engine is down")
	for _, files := range []fake{
		{"/": {mode: fs.ModeDir, err: down}},
		{"/app": {err: down}},
		{"/etc/passwd": {err: down}, "/app": static},
		{"/app": dynamic, glibc: static, "/lib/libc.so.6": {err: down}},
		{"/app": program1("#!/i\n"), "/i": {err: down}},
	} {
		_, err := lint.Check(context.Background(), lint.Start{Command: []string{"/app"}, Dir: "/", Path: searchPath}, files, parser{})
		if !errors.Is(err, down) {
			t.Errorf("%v: %v", files, err)
		}
	}
}

func TestVerdict(t *testing.T) {
	all := []lint.Finding{{Level: lint.OK}, {Level: lint.Warning, Text: "w"}, {Level: lint.Failure, Text: "f"}, {Level: lint.Failure, Text: "g"}, {Level: lint.Unknown, Text: "u"}}
	for n, want := range map[int]string{1: "can be started", 2: "w", 3: "f", 5: "f"} {
		if got := lint.Verdict(all[:n]); got.Text != want {
			t.Errorf("of %d: %+v", n, got)
		}
	}
}
