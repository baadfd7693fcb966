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
- Regular expressions are those of Go: no references such as \1 in a pattern, no look-around for grep -P.
- strace follows system calls of amd64, arm64 and riscv64 only, and takes a command, not a running process.
- tcpdump's filters are those of github.com/packetcap/go-pcap: host, port, net and protocols, not all of libpcap's
  language.
- ss filters only by "state STATE". ip shows addresses, links, routes and neighbours as iproute2 does; what changes
  them is done by u-root's ip, with fewer options.
- openssl has s_client, to show a server's certificates, and x509, to show a certificate in a file.
- curl and wget know HTTP and HTTPS only. less is moor: its keys are those of less. edit (or nano) is an editor
  without modes, ed one for lines.
- Control characters in names of files and processes are shown as a question mark.
`

// page is the document about the tools, made from their list.
func page() string {
	var b strings.Builder
	b.WriteString("# The built-in toolbox\n\n" +
		"The tools of the toolbox, the Go module that each comes from, and the architectures that lack it. A tool of\n" +
		"nsjoin/docker-nsjoin is this project's own, on Go's standard library. `scripts/toolbox --list` writes this page.\n\n" +
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
