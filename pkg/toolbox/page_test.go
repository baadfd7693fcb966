package toolbox

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/toolbox.md")

// differences are what people miss first.
const differences = `
## What differs from the programs that you know

- The shell is mvdan.cc/sh: bash's language, with history, completion, line editing and jobs (^Z, fg, bg, jobs, kill %1).
  A builtin or a function cannot be stopped, only the programs that it runs. $! is the number of a job's first program.
  It reads no dotfiles. History is kept in memory only; of fc it has -l. PS1 knows \w \W \u \h \$, and no colors. Its subshells
  are no processes: a trap of a signal in one is refused, and $BASHPID is $$. There are no
  caller, export -f and traps of DEBUG and RETURN. Files /dev/tcp/HOST/PORT and /dev/udp/HOST/PORT are connections.
- An option that is not there is refused by name. None is accepted and left out if it would decide the result; the
  exceptions are diff's colors, which are not shown.
- A tool that cannot write its output prints one line and ends with the status that GNU's tools have for it. awk (1)
  and jq (5, also for a file that is not there) have other statuses. curl -s and wget -q say nothing, as the known ones.
- ls quotes names at a terminal as GNU's does. In all other output, control characters in names of files and processes
  are question marks; what a tool reads out of a file (cat, grep, jq) is printed as it is. ls has no -Z
  and knows no locale.
- date knows dates in the usual forms, "2 days ago", "next monday", "10pm" and their combinations, and zones in numbers
  and UTC only. It does not set the time.
- cp copies no hard links as such, no extended attributes and no holes; --reflink and --sparse take auto and never.
- Regular expressions are those of Go: no references such as \1 in a pattern; for grep -P no look-around and no \K.
- strace follows amd64, arm64 and riscv64 only. It knows -e trace=CALLS (with ! and %file %network %process %signal
  %memory %desc), -f and -T (always), -c, -C, -y, -r, -q, -s, -o, -p PID, -t, -tt, -ttt, -z and -Z, not -ff with -o. To trace a command
  that it starts, strace needs no rights; -p needs CAP_SYS_PTRACE, as --profile trace gives it, unless the kernel lets users trace
  their own processes. The begin and the end of a call are lines of their own; the times of -c are those that went by.
- tcpdump prints as tcpdump 4.99 does, but of applications only DNS and the first lines of HTTP. Its filters are libpcap's, without
  vlan, mpls, gateway, protochain, inbound and outbound. -r reads the files that -w writes, not pcapng. It has no -G, -C, -W, -I and -y.
- traceroute needs no rights. It has -n -I -T -f -m -q -w -p, not -g and -i.
- ping has -I, -M, -W, -w and -s, not -f and -R. nc has no -e, -x and -X; nc -zu waits a second for an answer that nobody takes it.
- ss filters by state, sport, dport, src and dst, joined by "and", "or" and "not", with parentheses. It has -i, -o, -e and -s, not
  -m and -r. ip shows addresses, links, routes, rules and neighbours as iproute2 does, with -br, -o, -s, -d, -j, dev, up, type, master
  and table; of -d it has the numbers of queues and sizes, and no preference of IPv6's routes. What changes them is done by
  u-root's ip, with fewer options.
- dig has +short, +trace, +tcp, transfers of zones and several queries in a call, not +yaml and +https. host and nslookup take -t or -q=TYPE, and print in a form of their own.
- openssl has s_client, to show a server's certificates, and x509, to show a certificate in a file, in openssl's form; of an extension
  that it does not know, x509 -text shows the bytes. s_client has no -starttls and -proxy, and checks the server's name too.
- sort, tac, head and tail keep no more than half of the memory that the container and the machine have left, and
  then end with an error; sort makes no temporary files.
- curl and wget know HTTP and HTTPS only. curl keeps no cookies in files (-c); wget follows no links (-r), and
  -T is for each wait, not for all of it. What a server sends is printed without control characters at a terminal.
- ps has threads (-L, -T), forests and columns with widths, not -Z and BSD's m, s and X. lsof -i takes numbers of
  ports and addresses, no names; of -s it has TCP:STATE, of +L +L1, and no -F and -r. netstat has no -s and -c, and ifconfig changes nothing. top has -p, -u, -o, -i and -1, and the keys P M T N R c 1 i u n k r d s h q;
  with -b its lines are as long as they are, unless -w says how long.
- find has no -fprint, and of -regextype only posix-extended and egrep, which its expressions always are;
  -printf has the usual directives, and -newermt takes "2 hours ago". du lists directories by name.
- tar packs with gzip, xz or Zstandard, and reads bzip2 too. It has no -r, -u, -d and --transform, and unpacks nothing
  outside the directory: -P is refused with -x.
- diff has no -y, -c, -B, -x, -I and --label; hexdump only -C and the default format; uniq no --group; of gawk's functions, awk has strftime, mktime, systime, gensub, strtonum and those of bits; split has no -C and --filter;
  file knows programs, scripts, texts and archives, without their details; getent knows passwd, group, hosts, ahosts and services;
  truncate, uname and strings have u-root's options.
- awk, ed, unshare and watch run the toolbox's shell, never the container's /bin/sh. chroot needs a program.
- less has the keys of less, and of its options -e -E -f -F -i -I -K -m -M -n -N -p -r -R -s -S -x -X and +COMMAND; -r is as -R: no
  sequence but one that sets colors reaches the terminal. v opens the toolbox's editor. It takes options from LESS, has no history of
  searches, and runs no LESSOPEN. more is less -EX. edit (or nano) is an editor with the keys of nano, ed one for lines. edit saves a
  file with its own ends of lines, and bytes that are no text as they were.
`

// page is the document about the tools, made from their list.
func page(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("# The built-in toolbox\n\n" +
		"The tools of the toolbox, the Go module that each comes from, and the architectures that lack it. A tool of\n" +
		"nsjoin/docker-nsjoin is this project's own, on Go's standard library: [decision 13](adr/0013-own-tools.md) says why.\n" +
		"`scripts/toolbox --list` writes this page.\n\n" +
		"| Tool | Module | Version | Not on |\n|---|---|---|---|\n")
	all := []string{"amd64", "arm64", "arm", "riscv64", "ppc64le", "s390x"}
	for _, tool := range Tools() {
		var missing []string
		for _, arch := range all {
			if !slices.Contains(tool.Arches, arch) {
				missing = append(missing, arch)
			}
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", strings.ReplaceAll(tool.Name, "|", `\|`),
			strings.TrimPrefix(tool.Module, "github.com/"), tool.Version, strings.Join(missing, ", "))
	}
	b.WriteString(differences)
	b.WriteString("\n## Options\n\nThe options of this project's own tools, as `TOOL --help` prints them.\n\n")
	for _, row := range options(t) {
		fmt.Fprintf(&b, "- %s: `%s`\n", strings.Join(row.names, ", "), row.text)
	}
	return b.String()
}

// optionRow is the options of tools that have the same.
type optionRow struct {
	names []string
	text  string
}

// options reads testdata/options, which scripts/toolbox --list writes.
func options(t *testing.T) (rows []optionRow) {
	t.Helper()
	text, err := os.ReadFile("testdata/options")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		name, list, _ := strings.Cut(strings.TrimSpace(line), " ")
		at := slices.IndexFunc(rows, func(r optionRow) bool { return r.text == list })
		switch {
		case list == "":
		case at >= 0:
			rows[at].names = append(rows[at].names, name)
		default:
			rows = append(rows, optionRow{[]string{name}, list})
		}
	}
	return rows
}

func TestPage(t *testing.T) {
	const file = "../../docs/toolbox.md"
	if *update {
		if err := os.WriteFile(file, []byte(page(t)), 0o644); err != nil { //nolint:gosec // everyone may read a document
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil || string(text) != page(t) {
		t.Errorf("%s is out of date (%v): scripts/toolbox --list", file, err)
	}
}
