package programs

import (
	"bytes"
	"slices"
)

// applets returns the names of a busybox's programs. They are in its table of names, one after another, sorted, each
// ended by a NUL: include/applet_tables.h of its sources, made by applets/applet_tables.c. The program is not run, so that
// it can be for another architecture. Another program has no such table, and nil is returned.
func applets(content []byte) []string {
	if !bytes.Contains(content, []byte("BusyBox v")) {
		return nil
	}
	const certain = "\x00cat\x00" // no busybox has names around it that are not in the table
	for rest, at := content, 0; ; {
		i := bytes.Index(rest, []byte(certain))
		if i < 0 {
			return nil
		}
		at += i + 1
		rest = content[at:]
		if names := tableAt(content, at); len(names) >= fewest {
			return names
		}
	}
}

// fewest is how many names in order are a table.
const fewest = 8

// tableAt returns the sorted names around the one that begins at an offset.
func tableAt(content []byte, at int) []string {
	begin := at
	for begin > 0 {
		previous, ok := nameBefore(content, begin)
		if !ok || bytes.Compare(content[previous:begin-1], nameAt(content, begin)) >= 0 {
			break
		}
		begin = previous
	}
	var names []string
	for next := begin; ; {
		name := nameAt(content, next)
		if name == nil || len(names) > 0 && string(name) <= names[len(names)-1] {
			return slices.Clip(names)
		}
		names = append(names, string(name))
		next += len(name) + 1
	}
}

// longest is the longest name, in bytes.
const longest = 32

// nameAt returns the name at an offset, or nil.
func nameAt(content []byte, at int) []byte {
	end := at
	for end < len(content) && end-at <= longest && isNameByte(content[end]) {
		end++
	}
	if end == at || end-at > longest || end == len(content) || content[end] != 0 {
		return nil
	}
	return content[at:end]
}

// nameBefore returns the offset of the name that ends before another one.
func nameBefore(content []byte, at int) (int, bool) {
	if content[at-1] != 0 {
		return 0, false
	}
	begin := at - 1
	for begin > 0 && at-1-begin < longest && isNameByte(content[begin-1]) {
		begin--
	}
	return begin, begin < at-1 && at-1-begin < longest
}

func isNameByte(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= '0' && b <= '9' || bytes.IndexByte([]byte("[]-_.+"), b) >= 0
}
