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

- The shell is mvdan.cc/sh: bash's language, with history, completion and line editing. It has no job control (no
  ^Z, fg, bg; $! is no process's number), no ulimit, and reads no dotfiles. History is kept in memory only. PS1
  knows \w \W \u \h \$, and no colors.
- An option that is not there is refused by name. None is accepted and left out if it would decide the result; the
  exceptions are colors, which are not shown.
- Regular expressions are those of Go: no references such as \1 in a pattern; for grep -P no look-around and no \K.
- strace follows amd64, arm64 and riscv64 only. It knows -e trace=CALLS (with ! and %file %network %process %signal
  %memory %desc), -f and -T (always), -q, -s, -o, -p PID, -t, -tt and -Z, not -c. To trace a command that it starts, strace needs
  no rights; -p needs CAP_SYS_PTRACE, as --profile trace gives it, unless the kernel lets users trace their own
  processes. The begin and the end of a call are lines of their own.
- tcpdump's filters are those of github.com/packetcap/go-pcap: host, port, net and protocols, not all of libpcap's
  language. It writes files (-w) and does not read them (-r).
- traceroute needs no rights. It has -n -I -T -f -m -q -w -p, not -g and -i.
- ping has -I, -M, -W, -w and -s, not -f and -R. nc has no -e, -x and -X.
- ss filters by state, sport, dport, src and dst, joined by "and" or "or", without further parentheses. It has -o and
  -e, not -i and -m. ip shows addresses, links, routes and neighbours as iproute2 does, with -br, -o, -s, dev and up;
  -j, -d, type and master are refused. What changes them is done by u-root's ip, with fewer options.
- dig has no +trace. host and nslookup take -t or -q=TYPE, and print in a form of their own.
- openssl has s_client, to show a server's certificates, and x509, to show a certificate in a file. s_client has no
  -starttls and -proxy.
- curl and wget know HTTP and HTTPS only. curl keeps no cookies in files (-c); wget does not continue (-c) and follows
  no links (-r).
- ps has threads (-L, -T), forests and columns with widths; -t, -N and BSD's m are refused. lsof -i takes numbers of
  ports and addresses, no names; of -s it has TCP:STATE. top has -p, -u and -o, and the keys P M T N R c q.
- find has no -regextype and -daystart; -printf has the usual directives, and -newermt takes "2 hours ago".
- tar packs with gzip or Zstandard, and reads bzip2 and xz too. It has one -C, and no -T, -X and --wildcards.
- less is moor: its keys are those of less. edit (or nano) is an editor without modes, ed one for lines. edit saves a
  file with its own ends of lines, and bytes that are no text as they were.
- Control characters in names of files and processes are shown as a question mark.
`

// page is the document about the tools, made from their list.
func page() string {
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
	return b.String()
}

func TestPage(t *testing.T) {
	const file = "../../docs/toolbox.md"
	if *update {
		if err := os.WriteFile(file, []byte(page()), 0o644); err != nil { //nolint:gosec // everyone may read a document
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil || string(text) != page() {
		t.Errorf("%s is out of date (%v): scripts/toolbox --list", file, err)
	}
}
