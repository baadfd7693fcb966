package procs

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// described is what stat(2) knows of a file, as lsof prints it.
type described struct {
	kind, device, size, links, node string
}

// describe asks for a file, which is not opened.
func describe(link string) described {
	var s unix.Stat_t
	if unix.Stat(link, &s) != nil {
		return described{kind: "unknown"}
	}
	d := described{
		kind: map[uint32]string{
			unix.S_IFREG: "REG", unix.S_IFDIR: "DIR", unix.S_IFCHR: "CHR", unix.S_IFBLK: "BLK", unix.S_IFIFO: "FIFO", unix.S_IFSOCK: "sock",
		}[s.Mode&unix.S_IFMT],
		links: strconv.FormatUint(uint64(s.Nlink), 10),
		node:  strconv.FormatUint(s.Ino, 10),
	}
	device := uint64(s.Dev)
	switch d.kind {
	case "CHR", "BLK":
		device = uint64(s.Rdev)
	case "REG", "DIR":
		d.size = strconv.FormatInt(s.Size, 10)
	}
	d.device = fmt.Sprintf("%d,%d", unix.Major(device), unix.Minor(device))
	return d
}

func same(a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && os.SameFile(x, y)
}

// opening returns r, w or u: what a descriptor is open for, and its offset.
func opening(pid int, fd string) (mode, offset string) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/fdinfo/" + fd)
	if err != nil {
		return "", ""
	}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch name {
		case "pos":
			offset = value
		case "flags":
			flags, _ := strconv.ParseUint(value, 8, 32)
			mode = []string{"r", "w", "u", " "}[flags&3]
		}
	}
	return mode, offset
}

// protocolOf returns the name of a socket's protocol.
func protocolOf(link string) string {
	name := make([]byte, 64)
	n, err := unix.Getxattr(link, "system.sockprotoname", name)
	if err != nil {
		return "unknown"
	}
	return strings.TrimRight(string(name[:n]), "\x00")
}
