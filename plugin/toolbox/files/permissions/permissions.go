// Package permissions reads and writes modes as chmod and ls do.
package permissions

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Text returns a mode as ls -l prints it.
func Text(mode uint32) string {
	text := []byte("?rwxrwxrwx")
	switch mode & unix.S_IFMT {
	case unix.S_IFREG:
		text[0] = '-'
	case unix.S_IFDIR:
		text[0] = 'd'
	case unix.S_IFLNK:
		text[0] = 'l'
	case unix.S_IFIFO:
		text[0] = 'p'
	case unix.S_IFSOCK:
		text[0] = 's'
	case unix.S_IFBLK:
		text[0] = 'b'
	case unix.S_IFCHR:
		text[0] = 'c'
	}
	for i := range 9 {
		if mode&(1<<(8-i)) == 0 {
			text[1+i] = '-'
		}
	}
	for _, special := range []struct {
		bit  uint32
		at   int
		with byte
	}{{unix.S_ISUID, 3, 's'}, {unix.S_ISGID, 6, 's'}, {unix.S_ISVTX, 9, 't'}} {
		if mode&special.bit == 0 {
			continue
		}
		if text[special.at] == '-' {
			text[special.at] = special.with - 'a' + 'A'
		} else {
			text[special.at] = special.with
		}
	}
	return string(text)
}

var errMode = errors.New("invalid mode")

// Parse returns the permissions that a mode such as 644 or u+x,go=r makes of old ones.
func Parse(text string, old, mask uint32) (uint32, error) {
	if n, err := strconv.ParseUint(text, 8, 12); err == nil {
		return uint32(n), nil
	}
	mode := old & 0o7777
	for clause := range strings.SplitSeq(text, ",") {
		at := strings.IndexAny(clause, "+-=")
		if at < 0 {
			return 0, fmt.Errorf("%w %q", errMode, text)
		}
		who, err := whose(clause[:at])
		if err != nil {
			return 0, fmt.Errorf("%w %q", err, text)
		}
		limit := uint32(0o7777)
		if at == 0 {
			limit = ^mask | 0o7000
		}
		for rest := clause[at:]; rest != ""; {
			op := rest[0]
			end := strings.IndexAny(rest[1:], "+-=") + 1
			if end == 0 {
				end = len(rest)
			}
			bits, err := permissions(rest[1:end], mode, old)
			if err != nil {
				return 0, fmt.Errorf("%w %q", err, text)
			}
			bits &= who & limit
			switch op {
			case '+':
				mode |= bits
			case '-':
				mode &^= bits
			case '=':
				mode = mode&^(who&0o777) | bits
			}
			rest = rest[end:]
		}
	}
	return mode, nil
}

// whose returns the bits of user, group and others.
func whose(text string) (bits uint32, err error) {
	if text == "" {
		return 0o7777, nil
	}
	for _, letter := range text {
		switch letter {
		case 'u':
			bits |= 0o4700
		case 'g':
			bits |= 0o2070
		case 'o':
			bits |= 0o1007
		case 'a':
			bits |= 0o7777
		default:
			return 0, errMode
		}
	}
	return bits, nil
}

func permissions(text string, mode, old uint32) (bits uint32, err error) {
	for _, letter := range text {
		switch letter {
		case 'r':
			bits |= 0o444
		case 'w':
			bits |= 0o222
		case 'x':
			bits |= 0o111
		case 'X':
			if old&unix.S_IFMT == unix.S_IFDIR || mode&0o111 != 0 {
				bits |= 0o111
			}
		case 's':
			bits |= 0o6000
		case 't':
			bits |= 0o1000
		case 'u':
			bits |= (mode >> 6 & 7) * 0o111
		case 'g':
			bits |= (mode >> 3 & 7) * 0o111
		case 'o':
			bits |= (mode & 7) * 0o111
		default:
			return 0, errMode
		}
	}
	return bits, nil
}
