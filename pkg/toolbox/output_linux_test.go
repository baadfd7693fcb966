package toolbox

import (
	"context"
	"encoding/pem"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// printing are commands that print, and the status with which the known programs end if they can't.
var printing = []struct {
	command string
	status  int
}{
	{"awk {print} n", 1},
	{"base64 n", 1},
	{"basename a", 1},
	{"cat n", 1},
	{"cat /dev/zero", 1},
	{"cat -n n", 1},
	{"chown -v 0 n", 1},
	{"chgrp -v 0 n", 1},
	{"chmod -v 644 n", 1},
	{"clear", 1},
	{"cmp n t", 2},
	{"column n", 1},
	{"column -t n", 1},
	{"comm n n", 1},
	{"cp -v n c", 1},
	{"curl -s URL", 23},
	{"curl -sI URL", 23},
	{"curl -s -o /dev/null -w %{http_code} URL", 23},
	{"cut -c1 n", 1},
	{"date", 1},
	{"dd if=n status=none", 1},
	{"df /", 1},
	{"diff n t", 2},
	{"diff -q n t", 2},
	{"diff -r d .", 2},
	{"dig @127.0.0.1 -p DNS x", 1},
	{"dirname a", 1},
	{"dmesg", 1},
	{"du d", 1},
	{"echo x", 1},
	{"egrep 1 n", 2},
	{"env", 125},
	{"expand n", 1},
	{"expr 1", 3},
	{"fgrep 1 n", 2},
	{"file n", 1},
	{"find d", 1},
	{"find d -printf %p", 1},
	{"find d -ls", 1},
	{"fold n", 1},
	{"free", 1},
	{"getent passwd", 1},
	{"grep 1 n", 2},
	{"grep -c 1 n", 2},
	{"grep -rl 1 d", 2},
	{"groups", 1},
	{"gunzip -c n.gz", 1},
	{"gzip -c n", 1},
	{"hd n", 1},
	{"head n", 1},
	{"head -c 5 n", 1},
	{"hexdump n", 1},
	{"hostname", 1},
	{"id", 1},
	{"id -u", 1},
	{"ifconfig lo", 1},
	{"ip addr", 1},
	{"ip -br link", 1},
	{"ip -s link", 1},
	{"join n n", 1},
	{"jq . json", 5},
	{"kill -l", 1},
	{"less n", 1},
	{"ln -sv n made", 1},
	{"ls", 2},
	{"ls -laR", 2},
	{"lsof -p $PPID", 1},
	{"md5sum n", 1},
	{"md5sum -c sums", 1},
	{"mktemp -u", 1},
	{"more n", 1},
	{"mount", 1},
	{"mv -v moved moved2", 1},
	{"nc 127.0.0.1 HELLO", 1},
	{"netstat -rn", 1},
	{"netstat -i", 1},
	{"nice", 125},
	{"netstat -tan", 1},
	{"nl n", 1},
	{"nproc", 1},
	{"od n", 1},
	{"openssl version", 1},
	{"openssl x509 -in CERT -noout -subject", 1},
	{"openssl s_client -connect SECURE", 1},
	{"paste n n", 1},
	{"pgrep .", 1},
	{"pidof toolbox.test", 1},
	{"ping -c1 127.0.0.1", 1},
	{"printenv", 2},
	{"printf x", 1},
	{"ps aux", 1},
	{"pwd", 1},
	{"readlink l", 1},
	{"realpath n", 1},
	{"rev n", 1},
	{"rm -v gone", 1},
	{"route -n", 1},
	{"sed p n", 4},
	{"seq 3", 1},
	{"sh -c 'echo x'", 1},
	{"sh -c 'printf x'", 1},
	{"sh -c pwd", 1},
	{"bash -c pwd", 1},
	{"sha1sum n", 1},
	{"sha224sum n", 1},
	{"sha256sum n", 1},
	{"sha384sum n", 1},
	{"sha512sum n", 1},
	{"shuf n", 1},
	{"sort n", 2},
	{"ss -tan", 1},
	{"ss -s", 1},
	{"stat n", 1},
	{"stat -c %n n", 1},
	{"strings -n 1 n", 1},
	{"sysctl kernel.ostype", 1},
	{"tac n", 1},
	{"tail n", 1},
	{"tail -f n", 1},
	{"tar cf - d", 2},
	{"tar tf a.tar", 2},
	{"tar xvf a.tar -C x", 2},
	{"tar xOf a.tar", 2},
	{"tee < n", 1},
	{"top -b -n1", 1},
	{"top -b -d 0.1", 1},
	{"tr a b < n", 1},
	{"traceroute 127.0.0.1", 1},
	{"tty", 3},
	{"uname -a", 1},
	{"unexpand n", 1},
	{"uniq n", 1},
	{"uptime", 1},
	{"watch -n 0.1 true", 1},
	{"wc n", 1},
	{"wget -qO- URL", 3},
	{"which ls", 1},
	{"whoami", 1},
	{"xxd n", 3},
	{"yes", 1},
	{"zcat n.gz", 1},
}

// silent are the tools that print nothing of their own, or only to a terminal.
var silent = strings.Fields("[ chroot ed edit false host killall mkdir mkfifo mknod nano nohup nslookup pkill ping6 renice rmdir setsid sleep split strace stty sync tcpdump telnet test time timeout touch true truncate umount unshare xargs")

// TestToolsThatCannotPrint runs each tool that prints with a full device and with a pipe that nobody reads. It ends,
// with the status of an error; about the device it prints one line, and about the pipe nothing.
func TestToolsThatCannotPrint(t *testing.T) {
	bin := unpack(t)
	for _, name := range Names(runtime.GOARCH) {
		if !slices.Contains(silent, name) && !slices.ContainsFunc(printing, func(row struct {
			command string
			status  int
		},
		) bool {
			return strings.HasPrefix(row.command+" ", name+" ")
		}) {
			t.Errorf("no command with %s", name)
		}
	}
	names := strings.NewReplacer(servers(t)...)
	// openssl prints on stderr what is wrong with a certificate, too.
	const wrong = "verify error:num=18:self-signed certificate\n"
	for _, row := range printing {
		command := names.Replace(row.command)
		full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		text, status := printingTo(t, bin, command, full)
		text = strings.TrimPrefix(text, wrong)
		if status != row.status || strings.Count(text, "\n") != 1 || !strings.Contains(strings.ToLower(text), "no space left on device") {
			t.Errorf("%s >/dev/full: status %d, want %d, and prints %q", row.command, status, row.status, text)
		}
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		r.Close()
		text, status = printingTo(t, bin, command, w)
		text = strings.TrimPrefix(text, wrong)
		if status == 0 || text != "" {
			t.Errorf("%s | true: status %d, and prints %q", row.command, status, text)
		}
	}
}

// printingTo runs a command with this standard output, which it closes, and returns what it prints on stderr and its
// status.
func printingTo(t *testing.T, bin, command string, out *os.File) (string, int) {
	t.Helper()
	defer out.Close()
	dir := fixture(t)
	machine := exec.Command("/bin/sh", "-c", `gzip -k n && tar cf a.tar d && mkdir x && touch moved gone && md5sum n >sums`)
	machine.Dir = dir
	if text, err := machine.CombinedOutput(); err != nil {
		t.Skipf("the machine's own programs: %v, %s", err, text)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	// The shell is the machine's: a tool is executed in its place.
	cmd := exec.CommandContext(ctx, "/bin/bash", "-c", "exec "+command)
	cmd.Dir, cmd.Stdout = dir, out
	cmd.Env = []string{"PATH=" + bin, "TERM=xterm"}
	var text strings.Builder
	cmd.Stderr = &text
	err := cmd.Run()
	if ctx.Err() != nil {
		t.Errorf("%s does not end", command)
	}
	exit, ok := errors.AsType[*exec.ExitError](err)
	switch {
	case err == nil:
		return text.String(), 0
	case !ok:
		t.Fatal(err)
	}
	if s, ok := exit.Sys().(syscall.WaitStatus); ok && s.Signaled() {
		return text.String(), 128 + int(s.Signal())
	}
	return text.String(), exit.ExitCode()
}

// servers starts servers, and returns their names in the table and their addresses.
func servers(t *testing.T) []string {
	t.Helper()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("hello\n")) }))
	t.Cleanup(web.Close)
	secure := httptest.NewTLSServer(nil)
	t.Cleanup(secure.Close)
	hello, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { hello.Close() })
	go func() {
		for {
			conn, err := hello.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Write([]byte("hello\n"))
			conn.Close()
		}
	}()
	names, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { names.Close() })
	go func() {
		query := make([]byte, 512)
		for {
			n, peer, err := names.ReadFrom(query)
			if err != nil {
				return
			}
			if n > 3 {
				query[2] |= 0x80 // an answer
				query[3] = 3     // there is no such name
			}
			_, _ = names.WriteTo(query[:n], peer)
		}
	}()
	cert := filepath.Join(t.TempDir(), "cert")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw})
	if err := os.WriteFile(cert, block, 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{
		"CERT", cert, "URL", web.URL, "SECURE", secure.Listener.Addr().String(),
		"HELLO", strconv.Itoa(hello.Addr().(*net.TCPAddr).Port), "DNS", strconv.Itoa(names.LocalAddr().(*net.UDPAddr).Port),
	}
}

// TestToolsWithAFullFile has tools write to files that take nothing.
func TestToolsWithAFullFile(t *testing.T) {
	bin := unpack(t)
	dir := fixture(t)
	web := strings.NewReplacer(servers(t)...)
	for _, command := range []string{
		"cp n full", "cat n > full", "sort -o full n", "tee full < n > /dev/null", "uniq n full", "dd if=n of=full status=none",
		"tar cf full n", "curl -sS -o full URL", "wget -O full URL", "gzip -c n > full", "sed -n 'w full' n", "awk '{print > \"full\"}' n",
		"strace -o full true", "tcpdump -i lo -c1 -w full & p=$!; while kill -0 $p; do ping -c1 127.0.0.1; done > /dev/null 2>&1; wait $p",
	} {
		if err := os.Symlink("/dev/full", filepath.Join(dir, "full")); err != nil && !errors.Is(err, os.ErrExist) {
			t.Fatal(err)
		}
		cmd := exec.Command(filepath.Join(bin, "sh"), "-c", web.Replace(command))
		cmd.Dir, cmd.Env = dir, []string{"PATH=" + bin}
		if got := run(t, cmd); strings.HasSuffix(got, "\nstatus 0") || !strings.Contains(strings.ToLower(got), "no space left on device") {
			t.Errorf("%s: %q", command, got)
		}
	}
}

// TestShellBuiltinsStopAtAClosedPipe checks that a loop in front of a program that has ended is not endless.
func TestShellBuiltinsStopAtAClosedPipe(t *testing.T) {
	bin := unpack(t)
	for _, loop := range []string{"echo x", `printf 'x\n'`, "pwd"} {
		cmd := exec.Command(filepath.Join(bin, "sh"), "-c", "while true; do "+loop+"; done | head -1 | wc -l; echo on")
		cmd.Env = []string{"PATH=" + bin}
		if got := run(t, cmd); got != "1\non\n\nstatus 0" {
			t.Errorf("%s: %q", loop, got)
		}
	}
}
