package program

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Paths are the directories that a dynamic loader's configuration names.
type Paths struct {
	Dirs     []Name `json:",omitempty"`
	Includes []Name `json:",omitempty"` // patterns of more files
}

// maxPaths is how many directories and patterns of a file are considered.
const maxPaths = 256

// ParsePaths reads the configuration of glibc's ldconfig(8), /etc/ld.so.conf, or musl's, /etc/ld-musl-ARCH.path.
func ParsePaths(text []byte, musl bool) Paths {
	var p Paths
	for line := range strings.SplitSeq(string(text), "\n") {
		if musl {
			for dir := range strings.SplitSeq(line, ":") {
				p.add(&p.Dirs, dir)
			}
			continue
		}
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		switch {
		case len(fields) == 0, fields[0] == "hwcap":
		case fields[0] == "include":
			for _, pattern := range fields[1:] {
				p.add(&p.Includes, pattern)
			}
		default:
			dir, _, _ := strings.Cut(strings.Join(fields, " "), "=") // DIRECTORY=TYPE is obsolete
			p.add(&p.Dirs, dir)
		}
	}
	return p
}

func (p *Paths) add(list *[]Name, name string) {
	if name != "" && len(name) <= MaxName && len(*list) < maxPaths && strings.IndexByte(name, 0) < 0 {
		*list = append(*list, Name(name))
	}
}

// Check validates what a process sent that has read a hostile file.
func (p Paths) Check() error {
	if len(p.Dirs) > maxPaths || len(p.Includes) > maxPaths {
		return fmt.Errorf("%d directories", len(p.Dirs)+len(p.Includes))
	}
	for _, n := range slices.Concat(p.Dirs, p.Includes) {
		if len(n) == 0 || len(n) > MaxName || strings.IndexByte(string(n), 0) >= 0 {
			return errors.New("a name that no file can have")
		}
	}
	return nil
}
