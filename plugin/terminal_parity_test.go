//go:build linux

package main

import (
	"crypto/md5"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
)

// numbers matches PIDs as a shell prints them for jobs.
var numbers = regexp.MustCompile(`\[(\d+)\] \d+`)

// prompt waits for a shell's prompt and for the terminal's size, which docker exec sets after the
// start. The test compares what is shown from then on.
func prompt(y *tty) {
	y.shows("# ")
	y.types(`until [ "$(stty size)" = "33 111" ]; do sleep 0.05; done; echo si""zed` + "\r")
	y.shows("sized", "# ")
	y.types("echo ag''ain\r")
	y.shows("\nagain\r\n", "# ")
	y.quiet(100 * time.Millisecond)
	y.mark()
}

// keyScripts are typed at docker exec -it and docker nsjoin -it; the terminal must show the same.
var keyScripts = []struct {
	name    string
	command []string
	keys    func(y *tty)
}{
	{"a prompt with line editing in bash", []string{"bash", "--norc"}, func(y *tty) {
		prompt(y)
		y.types("echo wrld\x1b[D\x1b[D\x1b[Do\x05!\x01\x1bf hello\r")
		y.shows("\nhello world!", "# ")
		y.types("cat /etc/pass\t")
		y.shows("wd ")
		y.types("\x15echo one two\x17three\r")
		y.shows("\none three", "# ")
		y.types("nonsense\x15")
		y.types("\x1b[A\x1b[A\r") // the line before the last
		y.shows("\nhello world!", "# ")
		y.types("\x10\r") // ^P, the first of the detach keys
		y.shows("\nhello world!", "# ")
		y.types("\x12thr")
		y.shows("one three")
		y.types("\r")
		y.shows("\none three", "# ")
		y.types("\x04")
	}},
	{"a prompt with line editing in busybox", []string{"sh"}, func(y *tty) {
		prompt(y)
		y.types("echo wrld\x1b[D\x1b[D\x1b[Do\x05!\r")
		y.shows("\nworld!", "# ")
		y.types("\x1b[A")
		y.shows("echo world!")
		y.types("\x7f\x7f\x7f\r")
		y.shows("\nwor", "# ")
		y.types("\x04")
	}},
	{"settings of the terminal", []string{"sh"}, func(y *tty) {
		prompt(y)
		y.types("stty -a; stty -g; tty; tty </dev/tty; readlink /proc/self/fd/0; stat -c '%A %U %g %t,%T %n' /dev/pts/*\r")
		y.shows("/dev/pts/0", "/dev/tty", "/dev/pts/0", "ptmx", "# ")
		y.types("ps -o tty,args | grep '[p]s -o'; test -t 2 && echo is''atty; id\r")
		y.shows("isatty", "uid=", "# ")
		y.types("exit 3\r")
	}},
	{"^C, ^\\ and ^D", []string{"bash", "--norc"}, func(y *tty) {
		prompt(y)
		y.types("while :; do sh -c 'echo loop\"\"ing; exec sleep 600'; done\r")
		y.shows("looping")
		y.types("\x03")
		y.shows("^C", "# ")
		y.types("echo $?; echo ready; cat\r")
		y.shows("130", "\nready")
		y.types("line\r")
		y.shows("line", "line")
		y.types("\x04")
		y.shows("# ")
		y.types("sh -c 'echo on\"\"ce; exec sleep 600'\r")
		y.shows("\nonce")
		y.types("\x1c")
		y.shows("^\\", "Quit", "# ")
		y.types("echo $?; exit\r")
		y.shows("131")
	}},
	{"job control", []string{"bash", "--norc"}, func(y *tty) {
		prompt(y)
		y.types("sh -c 'echo on\"\"ce; exec sleep 600'\r")
		y.shows("\nonce")
		y.types("\x1a")
		y.shows("^Z", "Stopped", "# ")
		y.types("jobs\r")
		y.shows("jobs", "[1]+  Stopped", "# ")
		y.types("bg; jobs\r")
		y.shows("Running", "# ")
		y.types("fg\r")
		y.shows("\nsh -c")
		y.types("\x03")
		y.shows("^C", "# ")
		y.types("cat &\r")
		y.shows("[1] ", "# ")
		y.types("until jobs | grep -q Stopped; do sleep 0.05; done; jobs\r")
		y.shows("Stopped", "cat", "# ")
		y.types("kill %1; fg\r")
		y.shows("Terminated", "# ")
		y.types("exit\r")
	}},
	{"resizing", []string{"sh", "-c", "trap 'stty size' WINCH; echo ready; while :; do sleep 0.05; done"}, func(y *tty) {
		y.shows("ready")
		y.quiet(time.Second) // docker exec sets its size late
		y.mark()
		for rows := range uint16(4) {
			y.resize(50+rows, 132)
			y.shows(fmt.Sprintf("%d 132", 50+rows))
		}
		y.types("\x03")
	}},
	{"vi", []string{"sh"}, func(y *tty) {
		prompt(y)
		y.types("rm -f /tmp/v; vi /tmp/v\r")
		y.shows("- /tmp/v 1/1 100%")
		y.types("i")
		y.shows("I /tmp/v")
		for _, key := range "xyz" {
			y.types(string(key))
			y.shows(string(key))
		}
		y.types("\x1b")
		y.shows("- /tmp/v")
		y.types(":wq\r")
		y.shows(":wq", "# ")
		y.types("cat /tmp/v\r")
		y.shows("\nxyz", "# ")
		y.types("exit\r")
	}},
	{"less", []string{"sh"}, func(y *tty) {
		prompt(y)
		y.types("seq 500 | less\r")
		y.shows("standard input")
		y.types(" ")
		y.shows("64", ":")
		y.types("/41.\r")
		y.shows("441", ":")
		y.types("G")
		y.shows("500")
		y.types("q")
		y.shows("# ")
		y.types("exit\r")
	}},
	{"every byte", []string{"sh", "-c", "stty raw -echo; echo ready; head -c 256 | od -An -tx1"}, func(y *tty) {
		y.shows("ready")
		bytes := make([]byte, 0, 256)
		for b := 255; b >= 0; b-- { // descending, since ascending contains ^P^Q
			bytes = append(bytes, byte(b))
		}
		y.types(string(bytes))
		y.shows("ff fe fd", "02 01 00")
	}},
	{"UTF-8", []string{"sh", "-c", "echo ready; read -r line; echo \"<$line>\"; printf %s \"$line\" | od -An -tx1"}, func(y *tty) {
		y.shows("ready")
		y.types("grüße €ä\x7f 😀\r")
		y.shows("<gr", "f0 9f 98", "80")
	}},
	{"a paste of 64 KiB, raw", []string{"sh", "-c", "stty -icanon -echo; echo ready; head -c 65536 | md5sum"}, func(y *tty) {
		y.shows("ready")
		paste := strings.Repeat("0123456789abcdef", 4096)
		y.types(paste)
		y.shows(fmt.Sprintf("%x", md5.Sum([]byte(paste))))
	}},
	{"a paste of 60 KB, by lines", []string{"sh", "-c", "stty -echo; echo ready; cat >/tmp/x; md5sum </tmp/x"}, func(y *tty) {
		y.shows("ready")
		var paste strings.Builder
		for i := range 1000 {
			fmt.Fprintf(&paste, "%4d %s\n", i, strings.Repeat("ä", 27))
		}
		y.types(paste.String() + "\x04")
		y.shows(fmt.Sprintf("%x", md5.Sum([]byte(paste.String()))))
	}},
}

func TestTerminalParity(t *testing.T) {
	c := newCaller(t)
	for _, script := range keyScripts {
		t.Run(script.name, func(t *testing.T) {
			t.Parallel()
			web := c.container(t)
			typed := func(how string) (string, int) {
				y := at(t, c.docker(append([]string{how, "-it", web}, script.command...)...))
				script.keys(y)
				status := y.ends()
				y.drained()
				return numbers.ReplaceAllString(y.marked(), "[$1] #"), status
			}
			shown, status := typed("exec")
			nothingIsLeft(t, web) // so that the next terminal has the same name
			ourShown, ourStatus := typed("nsjoin")
			if ourStatus != status {
				t.Errorf("exit status %d, docker exec's is %d", ourStatus, status)
			}
			if ourShown != shown {
				t.Errorf("docker exec shows\n%q\ndocker nsjoin shows\n%q", shown, ourShown)
			}
		})
	}
}
