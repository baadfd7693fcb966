// Package kind is the toolbox's file: it knows programs, scripts, texts and archives.
package kind

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// File says what files have in them.
func File(args []string) int {
	f := tool.Flags("file", "[-bLi] FILE...")
	brief := f.BoolP("brief", "b", false, "without the names")
	follow := f.BoolP("dereference", "L", false, "follow links")
	f.BoolP("no-dereference", "h", false, "do not follow links (the default)")
	mime := f.BoolP("mime", "i", false, "the kind as MIME has it")
	mimeType := f.Bool("mime-type", false, "as -i, without the encoding")
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	if f.NArg() == 0 {
		return tool.Misused(f)
	}
	widest := 0
	for _, name := range f.Args() {
		widest = max(widest, utf8.RuneCountInString(tool.Printable(name)))
	}
	for _, name := range f.Args() {
		k := look(name, *follow)
		text := k.text
		switch {
		case *mimeType:
			text = k.mime
		case *mime:
			text = k.mime + "; charset=" + k.charset
		}
		if !*brief {
			text = fmt.Sprintf("%-*s %s", widest+1, tool.Printable(name)+":", text)
		}
		tool.Println(text)
	}
	return 0
}

// kind is what a file is.
type kind struct{ text, mime, charset string }

func special(text, mime string) kind { return kind{text, "inode/" + mime, "binary"} }

func binary(text, mime string) kind { return kind{text, mime, "binary"} }

// look looks at a file. FIFOs and devices are not opened.
func look(name string, follow bool) kind {
	failed := func(err error) kind {
		reason := err
		if errno, ok := errors.AsType[unix.Errno](err); ok {
			reason = errno
		}
		text := fmt.Sprintf("cannot open `%s' (%s)", tool.Printable(name), capitalized(reason.Error()))
		return kind{text, text, "binary"}
	}
	if name == "-" {
		return content(os.Stdin)
	}
	var s unix.Stat_t
	stat := unix.Lstat
	if follow {
		stat = unix.Stat
	}
	if err := stat(name, &s); err != nil {
		return failed(err)
	}
	device := fmt.Sprintf("(%d/%d)", unix.Major(uint64(s.Rdev)), unix.Minor(uint64(s.Rdev)))
	switch s.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		prefix := ""
		if s.Mode&unix.S_ISVTX != 0 {
			prefix = "sticky, "
		}
		return special(prefix+"directory", "directory")
	case unix.S_IFLNK:
		target, err := os.Readlink(name)
		if err != nil {
			return failed(err)
		}
		broken := ""
		if err := unix.Stat(name, &s); err != nil {
			broken = "broken "
		}
		return special(broken+"symbolic link to "+tool.Printable(target), "symlink")
	case unix.S_IFCHR:
		return special("character special "+device, "chardevice")
	case unix.S_IFBLK:
		return special("block special "+device, "blockdevice")
	case unix.S_IFIFO:
		return special("fifo (named pipe)", "fifo")
	case unix.S_IFSOCK:
		return special("socket", "socket")
	}
	file, err := os.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err == nil {
		file, err = tool.Regular(file)
	}
	if err != nil {
		return failed(err)
	}
	defer file.Close()
	k := content(file)
	for _, row := range []struct {
		bit  uint32
		name string
	}{{unix.S_ISVTX, "sticky "}, {unix.S_ISGID, "setgid "}, {unix.S_ISUID, "setuid "}} {
		if s.Mode&row.bit != 0 {
			k.text = row.name + k.text
		}
	}
	return k
}

func capitalized(text string) string {
	if text == "" {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// most is how much of a file is looked at, in bytes.
const most = 1 << 20

// content looks at a file's text.
func content(file *os.File) kind {
	text, err := io.ReadAll(io.LimitReader(file, most))
	switch {
	case err != nil:
		return kind{"cannot read (" + capitalized(tool.Reason(err).Error()) + ")", "application/octet-stream", "binary"}
	case len(text) == 0:
		return special("empty", "x-empty")
	}
	if k, ok := program(file, text); ok {
		return k
	}
	for _, row := range magic {
		if len(text) >= row.at+len(row.bytes) && string(text[row.at:row.at+len(row.bytes)]) == row.bytes {
			return row.kind
		}
	}
	if k, ok := readable(text); ok {
		return k
	}
	return binary("data", "application/octet-stream")
}

// magic are files that begin with certain bytes.
var magic = []struct {
	at    int
	bytes string
	kind  kind
}{
	{0, "\x1f\x8b\x08", binary("gzip compressed data", "application/gzip")},
	{0, "\xfd7zXZ\x00", binary("XZ compressed data", "application/x-xz")},
	{0, "BZh", binary("bzip2 compressed data", "application/x-bzip2")},
	{0, "\x28\xb5\x2f\xfd", binary("Zstandard compressed data", "application/zstd")},
	{0, "\x04\x22\x4d\x18", binary("LZ4 compressed data", "application/x-lz4")},
	{257, "ustar  \x00", binary("POSIX tar archive (GNU)", "application/x-tar")},
	{257, "ustar\x00", binary("POSIX tar archive", "application/x-tar")},
	{0, "PK\x03\x04", binary("Zip archive data", "application/zip")},
	{0, "PK\x05\x06", binary("Zip archive data (empty)", "application/zip")},
	{0, "!<arch>\ndebian-binary", binary("Debian binary package", "application/vnd.debian.binary-package")},
	{0, "!<arch>\n", binary("current ar archive", "application/x-archive")},
	{0, "070701", binary("ASCII cpio archive (SVR4 with no CRC)", "application/x-cpio")},
	{0, "\xed\xab\xee\xdb", binary("RPM", "application/x-rpm")},
	{0, "7z\xbc\xaf\x27\x1c", binary("7-zip archive data", "application/x-7z-compressed")},
	{0, "SQLite format 3\x00", binary("SQLite 3.x database", "application/vnd.sqlite3")},
	{0, "\x89PNG\r\n\x1a\n", binary("PNG image data", "image/png")},
	{0, "\xff\xd8\xff", binary("JPEG image data", "image/jpeg")},
	{0, "GIF8", binary("GIF image data", "image/gif")},
	{0, "%PDF-", binary("PDF document", "application/pdf")},
	{0, "\xca\xfe\xba\xbe", binary("compiled Java class data", "application/x-java-applet")},
	{0, "\x00asm", binary("WebAssembly (wasm) binary module", "application/wasm")},
	{0, "\xd4\xc3\xb2\xa1", binary("pcap capture file, microsecond ts (little-endian)", "application/vnd.tcpdump.pcap")},
	{0, "MZ", binary("MS-DOS executable", "application/x-dosexec")},
}
