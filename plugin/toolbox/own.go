package main

import (
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/capture"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/edit"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/files"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/network/certs"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/network/domain"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/network/links"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/network/netcat"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/network/reach"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/network/sockets"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/network/web"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/pager"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/procs"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/run"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/shell"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/text"
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
		return text.PrintfTool
	case "[", "test":
		return shell.Builtin(name)
	case "edit", "nano":
		return edit.Main
	case "less":
		return pager.Less
	case "more":
		return pager.More

	case "basename":
		return text.Basename
	case "cat":
		return text.Cat
	case "cmp":
		return text.Cmp
	case "comm":
		return text.Comm
	case "cut":
		return text.Cut
	case "diff":
		return text.Diff
	case "dirname":
		return text.Dirname
	case "echo":
		return text.Echo
	case "egrep":
		return text.Egrep
	case "fgrep":
		return text.Fgrep
	case "fold":
		return text.Fold
	case "grep":
		return text.Grep
	case "hd":
		return text.Hd
	case "head":
		return text.Head
	case "hexdump":
		return text.Hexdump
	case "jq":
		return text.Jq
	case "md5sum", "sha1sum", "sha224sum", "sha256sum", "sha384sum", "sha512sum":
		return text.Sum(name)
	case "nl":
		return text.Nl
	case "od":
		return text.Od
	case "paste":
		return text.Paste
	case "rev":
		return text.Rev
	case "sed":
		return text.Sed
	case "sort":
		return text.Sort
	case "tac":
		return text.Tac
	case "tail":
		return text.Tail
	case "tee":
		return text.Tee
	case "tr":
		return text.Tr
	case "uniq":
		return text.Uniq
	case "wc":
		return text.Wc
	case "xxd":
		return text.Xxd

	case "chgrp":
		return files.Chgrp
	case "chmod":
		return files.Chmod
	case "chown":
		return files.Chown
	case "cp":
		return files.Cp
	case "date":
		return files.Date
	case "df":
		return files.Df
	case "du":
		return files.Du
	case "find":
		return files.Find
	case "groups":
		return files.Groups
	case "gunzip":
		return files.Gunzip
	case "gzip":
		return files.Gzip
	case "id":
		return files.Id
	case "ln":
		return files.Ln
	case "ls":
		return files.Ls
	case "mkdir":
		return files.Mkdir
	case "mktemp":
		return files.Mktemp
	case "mv":
		return files.Mv
	case "realpath":
		return files.Realpath
	case "readlink":
		return files.Readlink
	case "rm":
		return files.Rm
	case "rmdir":
		return files.Rmdir
	case "stat":
		return files.Stat
	case "tar":
		return files.Tar
	case "touch":
		return files.Touch
	case "whoami":
		return files.Whoami
	case "zcat":
		return files.Zcat

	case "curl":
		return web.Curl
	case "dig":
		return domain.Dig
	case "host":
		return domain.Host
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
	case "strace":
		return trace.Strace
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
	case "nohup":
		return run.Nohup
	case "nproc":
		return run.Nproc
	case "printenv":
		return run.Printenv
	case "seq":
		return run.Seq
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
