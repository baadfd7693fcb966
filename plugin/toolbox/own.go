package main

import (
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/capture"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/edit"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/files/archive"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/files/attributes"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/files/clock"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/files/create"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/files/find"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/files/kind"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/files/listing"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/files/paths"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/files/remove"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/files/space"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/files/stat"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/files/transfer"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/network/certs"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/network/domain"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/network/links"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/network/names"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/network/netcat"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/network/reach"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/network/settings"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/network/sockets"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/network/web"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/pager"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/procs"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/run"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/shell"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/stty"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/text/compare"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/text/dump"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/text/grep"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/text/jq"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/text/lines"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/text/printf"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/text/sed"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/text/sorting"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/text/table"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/trace"
)

// own returns the tool of this module with the name, or nil. A switch needs nothing at the program's start, unlike
// a map.
func own(name string) tool.Tool { //nolint:gocognit // a table
	switch name {
	case "bash", "sh":
		return shell.Main
	case "printf":
		return printf.Main
	case "[", "test":
		return shell.Builtin(name)
	case "edit", "nano":
		return edit.Main
	case "less":
		return pager.Less
	case "more":
		return pager.More

	case "basename":
		return paths.Basename
	case "cat":
		return lines.Cat
	case "cmp":
		return compare.Cmp
	case "column":
		return table.Column
	case "comm":
		return compare.Comm
	case "cut":
		return lines.Cut
	case "diff":
		return compare.Diff
	case "dirname":
		return paths.Dirname
	case "echo":
		return printf.Echo
	case "egrep":
		return grep.Egrep
	case "expand":
		return lines.Expand
	case "fgrep":
		return grep.Fgrep
	case "fold":
		return lines.Fold
	case "grep":
		return grep.Grep
	case "hd":
		return dump.Hd
	case "head":
		return lines.Head
	case "hexdump":
		return dump.Hexdump
	case "join":
		return sorting.Join
	case "jq":
		return jq.Jq
	case "md5sum", "sha1sum", "sha224sum", "sha256sum", "sha384sum", "sha512sum":
		return dump.Sum(name)
	case "nl":
		return lines.Nl
	case "od":
		return dump.Od
	case "paste":
		return lines.Paste
	case "rev":
		return lines.Rev
	case "sed":
		return sed.Sed
	case "shuf":
		return sorting.Shuf
	case "sort":
		return sorting.Sort
	case "split":
		return lines.Split
	case "tac":
		return lines.Tac
	case "tail":
		return lines.Tail
	case "tee":
		return lines.Tee
	case "tr":
		return lines.Tr
	case "unexpand":
		return lines.Unexpand
	case "uniq":
		return sorting.Uniq
	case "wc":
		return lines.Wc
	case "xxd":
		return dump.Xxd

	case "chgrp":
		return attributes.Chgrp
	case "chmod":
		return attributes.Chmod
	case "chown":
		return attributes.Chown
	case "cp":
		return transfer.Cp
	case "date":
		return clock.Date
	case "df":
		return space.Df
	case "du":
		return space.Du
	case "file":
		return kind.File
	case "find":
		return find.Find
	case "groups":
		return run.Groups
	case "gunzip":
		return archive.Gunzip
	case "gzip":
		return archive.Gzip
	case "id":
		return run.Id
	case "ln":
		return create.Ln
	case "ls":
		return listing.Ls
	case "mkdir":
		return create.Mkdir
	case "mktemp":
		return create.Mktemp
	case "mv":
		return transfer.Mv
	case "realpath":
		return paths.Realpath
	case "readlink":
		return paths.Readlink
	case "rm":
		return remove.Rm
	case "rmdir":
		return remove.Rmdir
	case "stat":
		return stat.Stat
	case "tar":
		return archive.Tar
	case "touch":
		return clock.Touch
	case "whoami":
		return run.Whoami
	case "zcat":
		return archive.Zcat

	case "curl":
		return web.Curl
	case "dig":
		return domain.Dig
	case "getent":
		return names.Getent
	case "host":
		return domain.Host
	case "ifconfig":
		return links.Ifconfig
	case "nc":
		return netcat.Nc
	case "netstat":
		return sockets.Netstat
	case "nslookup":
		return domain.Nslookup
	case "openssl":
		return certs.Openssl
	case "ping", "ping6":
		return reach.Ping
	case "route":
		return links.Route
	case "ss":
		return sockets.Ss
	case "stty":
		return stty.Main
	case "strace":
		return trace.Strace
	case "sysctl":
		return settings.Sysctl
	case "telnet":
		return netcat.Telnet
	case "tcpdump":
		return capture.Tcpdump
	case "traceroute":
		return reach.Traceroute
	case "wget":
		return web.Wget

	case "free":
		return procs.Free
	case "kill":
		return procs.Kill
	case "killall":
		return procs.Killall
	case "lsof":
		return procs.Lsof
	case "pgrep":
		return procs.Pgrep
	case "pidof":
		return procs.Pidof
	case "pkill":
		return procs.Pkill
	case "ps":
		return procs.Ps
	case "top":
		return procs.Top
	case "uptime":
		return procs.Uptime

	case "base64":
		return run.Base64
	case "clear":
		return run.Clear
	case "hostname":
		return run.Hostname
	case "env":
		return run.Env
	case "expr":
		return run.Expr
	case "false":
		return func([]string) int { return 1 }
	case "nice":
		return run.Nice
	case "nohup":
		return run.Nohup
	case "nproc":
		return run.Nproc
	case "printenv":
		return run.Printenv
	case "renice":
		return run.Renice
	case "seq":
		return run.Seq
	case "setsid":
		return run.Setsid
	case "sleep":
		return run.Sleep
	case "sync":
		return run.Sync
	case "timeout":
		return run.Timeout
	case "true":
		return func([]string) int { return 0 }
	case "tty":
		return run.Tty
	case "watch":
		return run.Watch
	case "which":
		return run.Which
	case "xargs":
		return run.Xargs
	case "yes":
		return run.Yes
	}
	return nil
}
