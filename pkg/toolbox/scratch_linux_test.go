package toolbox

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"golang.org/x/sys/unix"
)

// TestToolsInAScratchContainer looks at processes of a pid namespace, in a file system that has the toolbox and little else.
func TestToolsInAScratchContainer(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("it makes namespaces, as root")
	}
	bin := unpack(t)
	root := filepath.Dir(bin)
	for _, dir := range []string{"proc", "etc", "tmp", "work", "odd\n\x1b[31mdirectory"} {
		if err := os.Mkdir(filepath.Join(root, dir), 0o755); err != nil { //nolint:gosec // for all
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{
		"etc/passwd": "root:x:0:0::/root:/bin/sh\nweb\x1b[2J:x:1234:1234::/:/bin/sh\nweb:x:1000:1000::/:/bin/sh\n", "etc/group": "root:x:0:\nweb:x:1000:\nextra:x:77:web\n",
		"etc/resolv.conf": "nameserver 127.0.0.1\n", "work/file": "text\n",
	} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o644); err != nil { //nolint:gosec // for all
			t.Fatal(err)
		}
	}
	if err := os.Chown(filepath.Join(root, "work/file"), 1000, 1000); err != nil {
		t.Fatal(err)
	}
	container := func(script string) *exec.Cmd {
		cmd := exec.Command("/bin/sh", "-c", "mount -t proc proc /proc && "+script)
		cmd.Path = "/bin/sh"
		cmd.Env, cmd.Dir = []string{"PATH=/bin", "HOME=/"}, "/work"
		cmd.SysProcAttr = &unix.SysProcAttr{
			Chroot: root, Unshareflags: unix.CLONE_NEWNS, Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC,
		}
		return cmd
	}
	for _, row := range []struct{ script, want string }{
		{"ps aux", `(?m)^USER +PID +%CPU +%MEM +VSZ +RSS +TTY +STAT +START +TIME +COMMAND\nroot +1 .* /bin/sh -c mount`},
		{"ps -ef | head -1", `^UID +PID +PPID +C +STIME +TTY +TIME +CMD\n`},
		{"ps -o pid,ppid,user,comm", `(?m)^ +1 +0 root +sh$`},
		{"ps aux --sort=-rss | head -2 | wc -l", `^2\n`},
		{"sleep 100 & until pgrep -x sleep; do :; done; pkill sleep; wait; pgrep -x sleep; echo $?", `^\d+\n(Terminated\n)?1\n`},
		{"top -bn1 | head -7", `(?s)^top - .* load average: .*Tasks: +\d+ total.*PID USER`},
		{"free -m", `(?m)^Mem: +\d+`},
		{"uptime", ` up `},
		{"lsof -p 1", `(?m)^sh +1 +root +cwd`},
		{"ls -la", `(?m)^-rw-r--r-- 1 web  web  +5 .* file$`},
		{"ls -n file", ` 1 1000 1000 5 `},
		{"stat -c %U:%G file", `^web:web\n`},
		{"ls /", `(?m)^odd\?\?\[31mdirectory$`},
		{"ls -d /odd* | od -c | head -1", ` \?   \? `},
		// Neither do their names in messages reach the terminal as they are.
		{"for c in 'mkdir' 'awk 1' 'jq .' '.' 'sort' 'cat' 'sh'; do $c /odd*/ /odd*; done 2>&1 | tr -cd '\\033' | wc -c", `^0\n`},
		{"chown 1234 file; ls -l file; chown web: file; stat -c %U:%G file", `(?s)web\?\[2J .*\nweb:web\n`},
		{"id web", `^uid=1000\(web\) gid=1000\(web\) groups=1000\(web\),77\(extra\)\n`},
		{"df", `^Filesystem `},
		{"mount", `proc on /proc type proc`},
		{"hostname", `\n`},
		{"date", `UTC`},
		{"ip a", `^1: lo: <LOOPBACK>`},
		{"ss -tlnp", `^State`},
		{"env", `(?m)^PATH=/bin$`},
		{"grep -rn text .", `^\./file:1:text\n`},
		{"find / -xdev -name 'odd*' -type d", `odd`},
		{"echo 127.0.0.1 name > /etc/hosts; ip link set lo up; ping -c1 name", `1 received`},
		{"ip link set lo up; (while sleep 0.1; do ping -qc2 -i 0.2 127.0.0.1; done) >/tmp/out 2>&1 & timeout 50 tcpdump -i lo -n -c 2 icmp 2>/tmp/err", `^(.*ICMP.*\n){2}\nstatus 0$`},
		{"ip link set lo up; (while sleep 0.1; do nc -z 127.0.0.1 99; done) >/tmp/out 2>&1 & timeout 50 tcpdump -i lo -n -c 1 port 99", `127\.0\.0\.1.*99`},
		// Its own questions for names would be captured too.
		{"ip link set lo up; (while sleep 0.1; do ping -qc2 -i 0.2 127.0.0.1; done) >/tmp/out 2>&1 & timeout 50 tcpdump -i lo -n -c 6 2>/tmp/err", `^(.*ICMP.*\n){6}\nstatus 0$`},
		{"ip link set lo up; (while sleep 0.1; do ping -qc2 -i 0.2 127.0.0.1; done) >/tmp/out 2>&1 & timeout 50 tcpdump -nn -l -tttt -X -c 1 icmp 2>/tmp/err", `(?m)^\d{4}-\d\d-\d\d .*ICMP.*\n\t0x0000:  4500 .*  E\.`},
		{"ip link set lo up; (while sleep 0.1; do ping -qc2 -i 0.2 127.0.0.1; done) >/tmp/out 2>&1 & timeout 50 tcpdump -i any -U -w - -c 2 icmp 2>/tmp/err | od -An -tx1 -N4", `^ d4 c3 b2 a1\n`},
		{"tcpdump -i lo -G 1 2>&1 | head -1", `unknown shorthand flag: 'G'`},
		{"ip link set lo up; traceroute -n 127.0.0.1", `(?m)^ 1  127\.0\.0\.1  \S+ ms`},
		{"ip link set lo up; traceroute -nI -m 5 127.0.0.1; traceroute -nT -q1 127.0.0.1", `(?s)5 hops max.*\n 1  127\.0\.0\.1  .*\n 1  127\.0\.0\.1  \S+ ms\n`},
		{"strace echo x 2>&1 | grep write", `write`},
		// Where a program runs a shell, it is the toolbox's: there is none else here, and a container's may be any program.
		{"mkdir /own; mv /bin/sh /bin/bash /own; PATH=/own:/bin; awk 'BEGIN{system(\"echo a\"); \"echo b\" | getline l; print l; print \"c\" | \"cat\"}'; printf '!echo d\\nq\\n' | ed; echo 'echo e' | unshare -uts; chroot / 2>&1; mv /own/* /bin", `(?s)a\nb\nc\n.*d\n.*e\nchroot: a program is needed`},
		{"strace -Z ls /nosuch 2>&1 | grep nosuch", ` = -1 ENOENT \(no such file or directory\)`},
		{"strace -f -tt -e trace=openat,%network -s 20 -o /tmp/trace ls /nosuch; echo $?; grep -c 'E openat' /tmp/trace; grep -c 'E mmap' /tmp/trace", `\n2\n[1-9]\d*\n0\n`},
		{"dig +time=1 +tries=1 x.example", `dig: 127\.0\.0\.1:53: .*\n\nstatus 9$`},
		{"mkdir /tmp/tar; cd /tmp/tar; echo x > a; tar cf a.tar a ../../etc/passwd; rm a; tar xf a.tar; cat a; ls", `^x\na\na\.tar\netc\n`},
		{"ln -s /work/file /tmp/l; echo y | sed s/y/z/; sed -i s/text/changed/ file; cat file; stat -c %U file", `z\nchanged\nweb\n`},
	} {
		if got := run(t, container(row.script)); !regexp.MustCompile(row.want).MatchString(got) {
			t.Errorf("%s\nprints %q\nwant   %q", row.script, got, row.want)
		}
	}

	// Files that a tool reads without being asked may be anything.
	for _, name := range []string{"passwd", "group", "localtime", "resolv.conf", "hosts", "nsswitch.conf", "services", "protocols", "ssl/certs/ca-certificates.crt", "ssl/cert.pem", "zoneinfo/Zone"} {
		path := filepath.Join(root, "etc", name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.RemoveAll(path), unix.Mkfifo(path, 0o666)); err != nil { //nolint:gosec // for all
			t.Fatal(err)
		}
	}
	for _, row := range []struct{ script, want string }{
		{"ls -la", ` 1000 `},
		{"ps aux", `(?m)^0 +1 `},
		{"id", `^uid=0 gid=0`},
		{"whoami", `^0\n`},
		{"date", `UTC`},
		{"top -bn1", `Tasks`},
		{"chown web file", `there is no user "web"`},
		{"tar c file | tar tv", `1000`},
		{"find . -user 1000", `file`},
		{"stat file", `Uid`},
		{"ping -c1 name", `/etc/resolv\.conf is not a regular file`},
		{"curl http://name", `/etc/resolv\.conf is not a regular file`},
		{"dig x", `/etc/resolv\.conf`},
		{"nslookup x", `/etc/resolv\.conf`},
		{"sh -c 'cd /; echo ~web $PWD'", `~?web /`},
		{"traceroute name", `/etc/resolv\.conf is not a regular file`},
		{"wget http://name", `/etc/resolv\.conf`},
		{"nc name 1", `/etc/resolv\.conf`},
		{"ss -tlnp", `State`},
		{"lsof", `sh`},
		{"export TZ=Zone; date; ls -l file; ps aux; stat file", `(?s)UTC.*file.*ps aux.*Uid`},
		{"TZ=/etc/localtime date", `UTC`},
		{"ip link set lo up; tcpdump -i lo -c 1", `/etc/resolv\.conf is not a regular file`},
		{"ip link set lo up; tcpdump -i lo -n -c 1 host name", `/etc/resolv\.conf is not a regular file`},
		{"ip link set lo up; (while sleep 0.1; do nc -zw1 127.0.0.1 9; done) >/tmp/out 2>&1 & timeout 50 tcpdump -i lo -n -c 1 host 127.0.0.1 and tcp port 9", `127\.0\.0\.1.*9`},
		{"hostname -i", `/etc/resolv\.conf is not a regular file`},
		{"ip link set lo up; nc -w1 127.0.0.1 http", `/etc/resolv\.conf is not a regular file`},
		{"ip link set lo up; ping -c1 127.0.0.1", `/etc/resolv\.conf is not a regular file|1 received`},
		{"ip link set lo up; curl -s https://127.0.0.1", `status 7$`},
		{"mkdir a b; touch a/f; cp -a /etc/hosts b/f; diff -r a b; diff -r /etc/ssl /etc/ssl", `a/f is a regular file while file b/f is a fifo`},
	} {
		if got := run(t, container(row.script)); !regexp.MustCompile(row.want).MatchString(got) {
			t.Errorf("with FIFOs in /etc: %s\nprints %q\nwant   %q", row.script, got, row.want)
		}
	}
}
