// Package stat prints what is known of a file or a file system.
package stat

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/accounts"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/files/permissions"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/files/quote"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/files/space"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// Stat prints what is known of files.
func Stat(args []string) int {
	f := tool.Flags("stat", "[-L] [-c FORMAT] FILE...")
	follow := f.BoolP("dereference", "L", false, "what links lead to")
	system := f.BoolP("file-system", "f", false, "the file system that a file is on")
	terse := f.BoolP("terse", "t", false, "numbers only")
	raw := f.String("printf", "", "as -c, with escape sequences and without a newline")
	format := f.StringP("format", "c", "", "a format: %n %N %s %a %A %f %F %u %U %g %G %h %i %d %x %X %y %Y %z %Z %b %B %t %T %o %m")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	end := "\n"
	if *raw != "" {
		*format, end = unescaped(*raw), ""
	}
	return tool.Each("stat", f.Args(), func(path string) error {
		if *system {
			return statSystem(path, *format, end, *terse)
		}
		var s unix.Stat_t
		stat := unix.Lstat
		if *follow {
			stat = unix.Stat
		}
		if err := stat(path, &s); err != nil {
			return &os.PathError{Op: "stat", Path: path, Err: err}
		}
		if *format != "" {
			tool.Print(statFormat(*format, path, &s) + end)
			return nil
		}
		if *terse {
			tool.Println(statFormat("%n %s %b %f %u %g %D %i %h %t %T %X %Y %Z %W %o", path, &s))
			return nil
		}
		device := ""
		if kind := s.Mode & unix.S_IFMT; kind == unix.S_IFCHR || kind == unix.S_IFBLK {
			device = statFormat("     Device type: %t,%T", path, &s)
		}
		name := tool.Printable(path)
		if target, err := os.Readlink(path); err == nil && s.Mode&unix.S_IFMT == unix.S_IFLNK {
			name = tool.Printable(path + " -> " + target)
		}
		name = strings.ReplaceAll(name, "%", "%%")
		text := "  File: " + name + "\n  Size: %-10s\tBlocks: %-10b IO Block: %-6o %F\n" +
			"Device: " + fmt.Sprintf("%d,%d", unix.Major(uint64(s.Dev)), unix.Minor(uint64(s.Dev))) + "\tInode: %-11i Links: %h" + device + "\n" +
			"Access: (%04a/%A)  Uid: (%5u/%8U)   Gid: (%5g/%8G)\nAccess: %x\nModify: %y\nChange: %z\n Birth: %w"
		tool.Println(statFormat(text, path, &s))
		return nil
	})
}

func statTime(t unix.Timespec) string {
	return time.Unix(t.Unix()).Format("2006-01-02 15:04:05.000000000 -0700")
}

// statFormat expands a format. A field may have a width, as in printf.
func statFormat(format, path string, s *unix.Stat_t) string {
	return expand(format, func(letter byte) string { return Field(letter, path, s) })
}

// expand replaces the fields of a format.
func expand(format string, value func(letter byte) string) string {
	var out strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' || i+1 == len(format) {
			out.WriteByte(format[i])
			continue
		}
		start := i + 1
		i++
		for i < len(format)-1 && strings.IndexByte("-0123456789", format[i]) >= 0 {
			i++
		}
		width, _ := strconv.Atoi(format[start:i])
		field := value(format[i])
		if strings.HasPrefix(format[start:i], "0") {
			out.WriteString(strings.Repeat("0", max(0, width-len(field))))
		}
		fmt.Fprintf(&out, "%*s", width, field)
	}
	return out.String()
}

// Field returns what a letter of a format stands for.
func Field(letter byte, path string, s *unix.Stat_t) string {
	number := func(n uint64) string { return strconv.FormatUint(n, 10) }
	switch letter {
	case '%':
		return "%"
	case 'n':
		return tool.Printable(path)
	case 'N':
		if target, err := os.Readlink(path); err == nil && s.Mode&unix.S_IFMT == unix.S_IFLNK {
			return quote.Always(path) + " -> " + quote.Always(target)
		}
		return quote.Always(path)
	case 's':
		return number(uint64(s.Size))
	case 'a':
		return strconv.FormatUint(uint64(s.Mode&0o7777), 8)
	case 'A':
		return permissions.Text(s.Mode)
	case 'f':
		return strconv.FormatUint(uint64(s.Mode), 16)
	case 'F':
		return kindName(s)
	case 'u':
		return number(uint64(s.Uid))
	case 'U':
		return tool.Printable(accounts.Users().Name(s.Uid))
	case 'g':
		return number(uint64(s.Gid))
	case 'G':
		return tool.Printable(accounts.Groups().Name(s.Gid))
	case 'h':
		return number(uint64(s.Nlink))
	case 'i':
		return number(s.Ino)
	case 'd':
		return number(uint64(s.Dev))
	case 'b':
		return number(uint64(s.Blocks))
	case 'B':
		return "512"
	case 'o':
		return number(uint64(s.Blksize))
	case 't':
		return strconv.FormatUint(uint64(unix.Major(uint64(s.Rdev))), 16)
	case 'T':
		return strconv.FormatUint(uint64(unix.Minor(uint64(s.Rdev))), 16)
	case 'x':
		return statTime(s.Atim)
	case 'y':
		return statTime(s.Mtim)
	case 'z':
		return statTime(s.Ctim)
	case 'X':
		return number(uint64(s.Atim.Sec))
	case 'Y':
		return number(uint64(s.Mtim.Sec))
	case 'Z':
		return number(uint64(s.Ctim.Sec))
	case 'D':
		return strconv.FormatUint(uint64(s.Dev), 16)
	case 'w', 'W':
		return birth(letter, path)
	case 'm':
		if at, err := space.MountPoint(path); err == nil {
			return tool.Printable(at)
		}
	}
	return "?"
}

func kindName(s *unix.Stat_t) string {
	switch s.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		if s.Size == 0 {
			return "regular empty file"
		}
		return "regular file"
	case unix.S_IFDIR:
		return "directory"
	case unix.S_IFLNK:
		return "symbolic link"
	case unix.S_IFIFO:
		return "fifo"
	case unix.S_IFSOCK:
		return "socket"
	case unix.S_IFBLK:
		return "block special file"
	case unix.S_IFCHR:
		return "character special file"
	}
	return "unknown"
}
