package main

import (
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/edit"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/files"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/network"
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
	case "mktemp":
		return files.Mktemp
	case "mv":
		return files.Mv
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
		return network.Curl
	case "dig":
		return network.Dig
	case "host":
		return network.Host
	case "nc":
		return network.Nc
	case "netstat":
		return network.Netstat
	case "nslookup":
		return network.Nslookup
	case "openssl":
		return network.Openssl
	case "ping", "ping6":
		return network.Ping
	case "route":
		return network.Route
	case "ss":
		return network.Ss
	case "strace":
		return trace.Strace
	case "traceroute":
		return network.Traceroute
	case "wget":
		return network.Wget

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
	case "xargs":
		return run.Xargs
	case "yes":
		return run.Yes
	}
	return nil
}
