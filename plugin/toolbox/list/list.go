// Package list has the table of the toolbox's tools: which program or library does the work of each name.
package list

import "slices"

// Own is the module of tools that are written in this module, on Go's standard library.
const Own = "github.com/nsjoin/docker-nsjoin"

// Tool is a row of the table.
type Tool struct {
	// Names are the tool's names; the program has a link for each.
	Names []string
	// Command is the package main of another module that is the tool, or empty.
	Command string
	// Library is the module that does most of the tool's work if no Command does.
	Library string
	// Front says what this module does itself before Command gets to work.
	Front string
	// Values are the letters of Command's options that take a value. With Letters, options that are typed together
	// (-sf) or with their value (-c1) are separated, since Go's package flag does not know that form.
	Values string
	// Letters says that Command's options are single letters.
	Letters bool
	// Arches are the architectures that have the tool, named like GOARCH. Without any, all have it.
	Arches []string
}

// Arches are the architectures that a toolbox is built for.
var Arches = []string{"amd64", "arm64", "arm", "riscv64", "ppc64le", "s390x"}

const uroot = "github.com/u-root/u-root/cmds/"

// Tools is the table, sorted by the first name.
var Tools = []Tool{
	{Names: []string{"awk"}, Command: "github.com/benhoyt/goawk"},
	{Names: []string{"base64", "basename"}},
	{Names: []string{"cat", "cmp", "column", "comm", "cut"}},
	{Names: []string{"chgrp", "chmod", "chown", "cp"}},
	{Names: []string{"chroot"}, Command: uroot + "core/chroot"},
	{Names: []string{"clear", "curl"}},
	{Names: []string{"date"}, Library: "github.com/itchyny/timefmt-go"},
	{Names: []string{"dd"}, Command: uroot + "core/dd"},
	{Names: []string{"df", "du"}},
	{Names: []string{"diff"}, Library: "github.com/pmezard/go-difflib"},
	{Names: []string{"dig", "host", "nslookup"}, Library: "github.com/miekg/dns"},
	{Names: []string{"dirname"}},
	{Names: []string{"dmesg"}, Command: uroot + "core/dmesg"},
	{Names: []string{"echo"}},
	{Names: []string{"ed"}, Command: uroot + "exp/ed"},
	{Names: []string{"edit", "nano"}},
	{Names: []string{"env", "expand", "expr"}},
	{Names: []string{"false", "file", "find", "fold", "free"}},
	{Names: []string{"getent"}},
	{Names: []string{"grep", "egrep", "fgrep", "groups"}},
	{Names: []string{"gzip", "gunzip", "zcat"}, Library: "github.com/klauspost/compress"},
	{Names: []string{"head", "hexdump", "hd", "hostname"}},
	{Names: []string{"id", "ifconfig"}},
	{Names: []string{"ip"}, Command: uroot + "core/ip", Front: "what only shows is done with github.com/vishvananda/netlink"},
	{Names: []string{"jq"}, Library: "github.com/itchyny/gojq"},
	{Names: []string{"join"}},
	{Names: []string{"kill", "killall"}},
	{Names: []string{"less", "ln", "ls", "lsof"}},
	{Names: []string{"md5sum", "sha1sum", "sha224sum", "sha256sum", "sha384sum", "sha512sum"}},
	{Names: []string{"mkfifo"}, Command: uroot + "core/mkfifo"},
	{Names: []string{"mknod"}, Command: uroot + "core/mknod"},
	{Names: []string{"mount"}, Command: uroot + "core/mount", Letters: true, Values: "to"},
	{Names: []string{"mkdir", "mktemp", "more", "mv"}},
	{Names: []string{"nc"}},
	{Names: []string{"netstat", "nice", "nl", "nohup", "nproc"}},
	{Names: []string{"od", "openssl"}},
	{Names: []string{"paste", "pgrep", "pidof", "pkill", "printenv", "printf", "ps"}},
	{Names: []string{"ping", "ping6"}, Library: "golang.org/x/net"},
	{Names: []string{"[", "test"}, Library: "mvdan.cc/sh/v3"},
	{Names: []string{"pwd"}, Command: uroot + "core/pwd", Letters: true},
	{Names: []string{"readlink", "realpath", "renice", "rev"}},
	{Names: []string{"rm", "rmdir", "route"}},
	{Names: []string{"sed", "seq", "setsid", "shuf", "sleep", "sort", "split", "ss", "stat", "sync", "sysctl"}},
	{Names: []string{"sh", "bash"}, Library: "mvdan.cc/sh/v3"},
	{Names: []string{"strace"}, Library: "github.com/u-root/u-root", Arches: []string{"amd64", "arm64", "riscv64"}},
	{Names: []string{"strings"}, Command: uroot + "core/strings", Letters: true, Values: "nt"},
	{Names: []string{"stty"}},
	{Names: []string{"tac", "tail", "tcpdump", "telnet", "timeout", "top", "touch", "tr", "traceroute", "true", "tty"}},
	{Names: []string{"tar"}, Library: "github.com/klauspost/compress"},
	{Names: []string{"tee"}},
	{Names: []string{"time"}, Command: uroot + "core/time"},
	{Names: []string{"truncate"}, Command: uroot + "core/truncate", Letters: true, Values: "sr"},
	{Names: []string{"umount"}, Command: uroot + "core/umount", Letters: true},
	{Names: []string{"uname"}, Command: uroot + "core/uname", Letters: true},
	{Names: []string{"unexpand", "uniq", "uptime"}},
	{Names: []string{"unshare"}, Command: uroot + "core/unshare"},
	{Names: []string{"watch", "wc", "wget", "which", "whoami"}},
	{Names: []string{"xargs", "xxd"}},
	{Names: []string{"yes"}},
}

// Find returns the tool with the name, or nil.
func Find(name string) *Tool {
	for i := range Tools {
		if slices.Contains(Tools[i].Names, name) {
			return &Tools[i]
		}
	}
	return nil
}
