package toolbox

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// network makes links, addresses, routes and rules in a network namespace of its own.
const network = `set -e
ip link set lo up
ip link add v0 type veth peer name v1
ip link add br0 type bridge
ip addr add 10.9.0.1/24 dev v0
ip addr add 10.8.0.1 peer 10.8.0.2/32 dev v0
ip link set v0 up
ip link set v1 master br0 up
ip route add default via 10.9.0.2
ip route add 10.7.0.0/16 via 10.9.0.2 metric 50
ip route add blackhole 10.6.0.0/16
ip rule add from 10.9.0.5 table 100
ip rule add fwmark 1/2 to 10.1.0.0/16 table 100
ip neigh add 10.9.0.2 lladdr 02:00:00:00:00:09 dev v0
`

// asIproute2 are calls of ip that print the same as iproute2's, but for spaces at the end of lines.
var asIproute2 = []string{
	"addr show v0", "-4 a", "-o -4 a", "-br a show v0", "link show v0", "-s link show v0", "-br link", "-o link show v0", "link show type veth",
	"link show master br0", "-4 addr show up", "addr show dev nosuch", "route", "r s default", "route show 10.7.0.0/16", "route show dev v0", "-4 route show table all", "route get 10.7.0.5",
	"route get 127.0.0.1", "route get 10.9.0.2 from 10.9.0.1", "rule", "rule show table 100", "neigh", "n show dev v0", "-j link show v0", "-j -4 addr show v0",
	"-j -s link show v0", "-j route", "-j rule", "-j neigh", "-j route get 127.0.0.1", "-4 -j route show table all", "-nosuch link", "link show nosuch nosuch",
}

func inNetwork(script string, env ...string) *exec.Cmd {
	cmd := exec.Command("/bin/bash", "-c", script)
	cmd.Env = env
	cmd.SysProcAttr = &unix.SysProcAttr{Cloneflags: unix.CLONE_NEWNET}
	return cmd
}

// TestIpAsIproute2 runs ip beside the machine's own one, in the same network namespace.
func TestIpAsIproute2(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("it makes namespaces, as root")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip(err)
	}
	bin := unpack(t)
	// The link's state and its statistics change until the link-local addresses are there.
	script := network + `set +e
for i in $(seq 100); do [ "$(cat /proc/net/if_inet6 | grep -c ' 80 ')" -ge 1 ] && break; sleep 0.1; done
while IFS= read -r call; do
	for try in 1 2 3; do # the network may change between the two
		one=$(ip $call 2>/dev/null; echo "status $?") two=$("$1" $call 2>/dev/null; echo "status $?")
		one=$(sed 's/ *$//' <<<"$one") two=$(sed 's/ *$//' <<<"$two")
		[ "$one" = "$two" ] && break
	done
	[ "$one" = "$two" ] || { echo "ip $call"; diff <(echo "$one") <(echo "$two"); }
done`
	cmd := inNetwork(script, "PATH=/usr/sbin:/usr/bin:/sbin:/bin")
	cmd.Args = append(cmd.Args, "bash", filepath.Join(bin, "ip"))
	cmd.Stdin = strings.NewReader(strings.Join(asIproute2, "\n") + "\n")
	text, err := cmd.CombinedOutput()
	if err != nil || len(text) > 0 {
		t.Errorf("%v\n%s", err, text)
	}
}

// TestNetworkToolsInANetwork runs what everybody types in a network namespace that nothing else uses.
func TestNetworkToolsInANetwork(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("it makes namespaces, as root")
	}
	bin := unpack(t)
	// capture FILTER COMMAND waits until tcpdump listens, runs the command, and waits until tcpdump has its packets.
	const begin = `ip link set lo up
capture() { tcpdump -i lo -n -l $1 >out 2>err & p=$!; until grep -q 'listening on' err; do kill -0 $p || break; sleep 0.01; done; eval "$2"; wait $p; echo "status $?"; cat out; }
`
	for _, row := range []struct{ script, want string }{
		{`capture "-t -c 2 icmp" "ping -qc1 127.0.0.1 >ping"`, `^status 0\nIP 127\.0\.0\.1 > 127\.0\.0\.1: ICMP echo request, id \d+, seq 1, length 64\nIP 127\.0\.0\.1 > 127\.0\.0\.1: ICMP echo reply, id \d+, seq 1, length 64\n`},
		{`capture "-t -c 1 port 99" "nc -z 127.0.0.1 99"`, `\nIP 127\.0\.0\.1\.\d+ > 127\.0\.0\.1\.99: Flags \[S\], seq \d+, win \d+, options \[mss \d+,sackOK,TS val \d+ ecr 0,nop,wscale \d+\], length 0\n`},
		{`capture "-t -c 1 tcp[tcpflags] & tcp-rst != 0" "nc -z 127.0.0.1 99"`, `\nIP 127\.0\.0\.1\.99 > 127\.0\.0\.1\.\d+: Flags \[R\.\], seq 0, ack \d+, win 0, length 0\n`},
		{`capture "-t -c 1 tcp and not port 98" "nc -z 127.0.0.1 98; nc -z 127.0.0.1 99"`, `\.99: Flags`},
		{`capture "-t -c 1 net 127.0.0.0/8 and udp" "ping -qc1 127.0.0.1 >ping; nc -zu 127.0.0.1 97"`, `\.97: UDP, length 1\n`},
		{`capture "-c 1 -w packets icmp" "ping -qc1 127.0.0.1 >ping"; tcpdump -ntr packets; tcpdump -nr packets udp; tcpdump -r packets --count`, `(?m)^IP 127\.0\.0\.1 > .*: ICMP echo request.*\n(.*\n)*1 packet\n`},
		{`trap '' INT HUP; capture "-t -c 2 icmp" 'kill -INT $p; kill -HUP $p; ping -qc1 127.0.0.1 >ping'`, `^status 0\nIP .*: ICMP echo request, .*\nIP .*: ICMP echo reply, `}, // as with nohup
		{`capture "-t -c 2 icmp" 'kill -TERM $p'`, `^status 0\n\nstatus 0$`},
		{`tcpdump -i lo -n port`, `^tcpdump: the filter is incomplete\n\nstatus 1$`},
		{`tcpdump -i nosuch -n`, `^tcpdump: nosuch: there is no such device\n\nstatus 1$`},
		{`tcpdump -i lo -n vlan`, `^tcpdump: the filter's "vlan" is not supported here\n\nstatus 1$`},
		{`capture "-c 1 -s 64 -w packets icmp" "ping -qc1 -s 1000 127.0.0.1 >ping"; tcpdump -entr packets 'len > 1000'; wc -c <packets`, `length 1042: 127\.0\.0\.1 > 127\.0\.0\.1: ICMP echo request, .*\n(?s:.*)104\n`},
		{`tcpdump -D`, `^1\.lo \[Up, Running, Loopback\]\n2\.any `},
		{`ping -c2 -i 0.1 127.0.0.1`, `(?s)^PING 127\.0\.0\.1 \(127\.0\.0\.1\) 56\(84\) bytes of data\.\n64 bytes from .*\n\n--- 127\.0\.0\.1 ping statistics ---\n2 packets transmitted, 2 received, 0% packet loss, time \d+ms\nrtt min/avg/max/mdev = .* ms\n\nstatus 0$`},
		{`ping -qc1 ::1`, `^PING ::1\(::1\) 56 data bytes\n`},
		{`ping -c1 10.1.1.1`, `^ping: connect: network is unreachable\n\nstatus 2$`},
		{`ip route add 10.1.0.0/16 dev lo; ping -c1 -W1 10.1.1.1 | tail -2`, `1 packets transmitted, 0 received, 100% packet loss`},
		{`ip route add unreachable 10.1.0.0/16 2>/dev/null; ping -f 127.0.0.1`, `unknown shorthand flag: 'f' in -f\n\nstatus 2$`},
		{
			`(nc -l 127.0.0.1 8080 >got & until ss -Htln sport = :8080 | grep -q .; do sleep 0.01; done; ss -tln; ss -Htn state listening; ss -s; nc -q0 127.0.0.1 8080 </dev/null; wait)`,
			`^State  Recv-Q Send-Q Local Address:Port Peer Address:Port Process\nLISTEN 0      \d+ +127\.0\.0\.1:8080     0\.0\.0\.0:\*\n0 \d+ 127\.0\.0\.1:8080 0\.0\.0\.0:\*\nTotal: \d+\nTCP:   \d+ \(estab 0, closed \d+, orphaned \d+, timewait \d+\)\n\nTransport Total     IP        IPv6\nRAW\t  0 `,
		},
		{`(nc -l 127.0.0.1 8080 >got & until ss -Htln sport = :8080 | grep -q .; do sleep 0.01; done; (sleep 9 | nc 127.0.0.1 8080) & until ss -Htn sport = :8080 | grep -q .; do sleep 0.01; done; ss -Htin sport = :8080; kill $(jobs -p))`, `(?m)^\S+ +0 +0 +127.*\n\t .*cwnd:\d+`},
		{`(echo welcome; until grep -q hello got; do sleep 0.01; done; sleep 1) | nc -l 127.0.0.1 8080 >got & until ss -Htln sport = :8080 | grep -q .; do sleep 0.01; done; printf 'hello\n\035\nquit\n' | telnet 127.0.0.1 8080`, `^Trying 127\.0\.0\.1\.\.\.\nConnected to 127\.0\.0\.1\.\nEscape character is '\^\]'\.\n(welcome\n)?\ntelnet> (welcome\n)?Connection closed\.\n`},
		{`telnet 127.0.0.1 99`, `^Trying 127\.0\.0\.1\.\.\.\ntelnet: Unable to connect to remote host: connection refused\n\nstatus 1$`},
		{`sysctl net.ipv4.ip_default_ttl; sysctl -w net.ipv4.ip_default_ttl=99; sysctl -n net/ipv4/ip_default_ttl; sysctl net.nosuch`, `^net\.ipv4\.ip_default_ttl = 64\nnet\.ipv4\.ip_default_ttl = 99\n99\nsysctl: cannot stat /proc/sys/net/nosuch: No such file or directory\n\nstatus 1$`},
		{`ss -nosuch`, `^ss: .*-c.*\n\nstatus 255$`},
		{`strace -c true 2>&1`, `(?s)^% time +seconds +usecs/call +calls +errors syscall\n-.* mmap\n.* total\n`},
	} {
		cmd := inNetwork(row.script, "PATH="+bin)
		cmd.Path, cmd.Args[0] = filepath.Join(bin, "sh"), "sh"
		cmd.Args[2] = begin + row.script
		cmd.Dir = t.TempDir()
		if got := run(t, cmd); !regexp.MustCompile(row.want).MatchString(got) {
			t.Errorf("%s\nprints %q\nwant   %q", row.script, got, row.want)
		}
	}
}

// wrong are calls with wrong arguments. They end with the status of the known programs.
var wrong = []string{
	"cut", "cut -f 0 p", "cut -f x p", "cut --nosuch", "kill", "kill -s NOSUCH 1", "kill x", "sleep", "chmod", "chmod 644", "printf", "openssl x509 -nosuch", "openssl nosuch", "openssl x509 -in nosuch",
	"sort --nosuch", "sort nosuch", "grep", "grep -nosuch", "grep a nosuch", "diff n", "diff n nosuch", "cmp n nosuch", "tar", "tar --nosuch", "expr", "ss --nosuch", "ip -nosuch link", "ping", "wget", "wget --nosuch", "strace", "tcpdump --nosuch",
	"jq", "jq --nosuch .", "jq -e .x json", "jq -n 1", "jq [ json", "jq .a.b json", "pgrep", "seq", "uniq --nosuch", "head -n x n", "tail --nosuch", "tr", "xargs --nosuch", "ln", "mv n", "cp n",
}

func TestStatusesOfWrongArguments(t *testing.T) {
	bin := unpack(t)
	for _, command := range wrong {
		words := strings.Fields(command)
		theirs, err := exec.LookPath(words[0])
		if err != nil {
			t.Logf("%s: the machine lacks it", words[0])
			continue
		}
		dir := fixture(t)
		machine, tool := exec.Command(theirs, words[1:]...), exec.Command(filepath.Join(bin, words[0]), words[1:]...)
		machine.Dir, tool.Dir = dir, dir
		_, want, _ := strings.Cut("\n"+run(t, machine), "\nstatus ")
		text := run(t, tool)
		if _, got, _ := strings.Cut("\n"+text, "\nstatus "); got != want {
			t.Errorf("%s ends with status %s, want %s, after %q", command, got, want, text)
		}
	}
}
