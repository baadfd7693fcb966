// Package program reads from files what decides whether a program can be started: from its own the first line of a
// script, or an ELF file's architecture, loader and libraries; from the configuration of the dynamic loader where it
// looks for these; from passwd and group who the user is. The files are a container's, so any content is possible. The package does no I/O and allocates in proportion to what it was given.
//
// Sources: elf(5), ld.so(8), execve(2), linux/fs/binfmt_script.c, linux/fs/binfmt_elf.c.
package program

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Limits of a file that is read and of what is said about it.
const (
	// HeadSize is how much of a file's beginning Parse wants first, in bytes.
	HeadSize = 256 << 10
	// MaxNeeds is how many parts of a file Parse asks for at once, and MaxNeed the size of them all, in bytes.
	MaxNeeds = 64
	MaxNeed  = 2 << 20
	// MaxOffset is where the last part may end. What is behind it is not read.
	MaxOffset = 1 << 30
	// MaxName is the longest name that is taken from a file, PATH_MAX of linux/limits.h.
	MaxName = 4096
	// MaxLibraries is how many libraries of a file are considered.
	MaxLibraries = 256
)

// Range is a part of a file, in bytes.
type Range struct{ Offset, Length int64 }

// Chunk is the content of a part of a file.
type Chunk struct {
	Offset int64
	Data   []byte
}

// File is what is known of a file.
type File struct {
	Size   int64
	Chunks []Chunk
}

// Kind is a kind of file.
type Kind string

// The kinds.
const (
	Empty   Kind = "empty"
	Script  Kind = "script"
	ELF     Kind = "elf"
	Text    Kind = "text"    // without a #! line
	Windows Kind = "windows" // a program for Windows
	MacOS   Kind = "macos"   // a program for macOS
	Other   Kind = "other"
)

// Name is a name from a file. It may have any bytes, which JSON strings cannot.
type Name string

// MarshalJSON encodes the bytes as base64.
func (n Name) MarshalJSON() ([]byte, error) {
	return strconv.AppendQuote(nil, base64.StdEncoding.EncodeToString([]byte(n))), nil
}

// UnmarshalJSON decodes what MarshalJSON returns.
func (n *Name) UnmarshalJSON(text []byte) error {
	quoted, err := strconv.Unquote(string(text))
	if err != nil {
		return err
	}
	raw, err := base64.StdEncoding.DecodeString(quoted)
	*n = Name(raw)
	return err
}

// Facts are what Parse found out.
type Facts struct {
	// Need has the parts of the file that are missing. If there are any, nothing else is set.
	Need []Range `json:",omitempty"`
	Kind Kind    `json:",omitempty"`

	// Of a script: the program of the first line and its only argument, as the kernel reads them.
	Interpreter, Argument Name `json:",omitempty"`
	// CR says that the first line ends with a carriage return, BOM that a byte order mark comes before it,
	// Blank that white space comes before it, Long that it is longer than the kernel reads.
	CR, BOM, Blank, Long bool `json:",omitempty"`

	// Of an ELF file.
	Arch     string `json:",omitempty"` // like GOARCH, or "machine N" for others
	Bits     int    `json:",omitempty"` // 32 or 64
	Library  bool   `json:",omitempty"` // it has no entry point
	Object   bool   `json:",omitempty"` // not linked, or a core dump
	Cut      bool   `json:",omitempty"` // the file ends before its segments do
	Malice   bool   `json:",omitempty"` // its tables contradict each other; what follows from them is missing
	Loader   Name   `json:",omitempty"`
	Needed   []Name `json:",omitempty"` // libraries, in the file's order
	RPath    Name   `json:",omitempty"` // DT_RPATH, directories separated by colons
	RunPath  Name   `json:",omitempty"` // DT_RUNPATH
	NoDefLib bool   `json:",omitempty"` // the loader's default directories are not searched
}

// Parse returns the facts about a program's file. Call it with the first HeadSize bytes, and again with the parts that
// it needs in addition.
func Parse(f File) Facts {
	head := f.head()
	if int64(len(head)) < min(f.Size, HeadSize) {
		return Facts{Need: []Range{{0, min(f.Size, HeadSize)}}}
	}
	switch {
	case len(head) == 0:
		return Facts{Kind: Empty}
	case strings.HasPrefix(string(head), "\x7fELF"):
		return parseELF(f, head)
	case strings.HasPrefix(string(head), "MZ"):
		return Facts{Kind: Windows}
	}
	for _, magic := range []string{"\xcf\xfa\xed\xfe", "\xce\xfa\xed\xfe", "\xca\xfe\xba\xbe\x00\x00\x00\x02"} {
		if strings.HasPrefix(string(head), magic) {
			return Facts{Kind: MacOS}
		}
	}
	return parseScript(head)
}

// head returns the chunk at the file's beginning.
func (f File) head() []byte {
	data, _ := f.at(0, 0)
	return data
}

// at returns n bytes at an offset, or more. ok says that they are known.
func (f File) at(offset, n int64) (data []byte, ok bool) {
	for _, c := range f.Chunks {
		if c.Offset >= 0 && c.Offset <= offset && offset-c.Offset <= int64(len(c.Data)) {
			if data = c.Data[offset-c.Offset:]; int64(len(data)) >= n {
				return data, true
			}
		}
	}
	return nil, false
}

// Check validates facts that a process sent that has read a hostile file. f is what it was given.
func (v Facts) Check(f File) error {
	var total int64
	for _, r := range v.Need {
		if r.Length <= 0 || r.Offset < 0 || r.Length > MaxNeed || r.Offset > min(f.Size, MaxOffset)-r.Length {
			return fmt.Errorf("a part at %d of %d bytes, of a file of %d", r.Offset, r.Length, f.Size)
		}
		total += r.Length
	}
	if len(v.Need) > MaxNeeds || total > MaxNeed {
		return fmt.Errorf("%d parts of %d bytes", len(v.Need), total)
	}
	names := append([]Name{v.Interpreter, v.Argument, v.Loader, v.RPath, v.RunPath}, v.Needed...)
	for _, n := range names {
		if len(n) > MaxName || strings.IndexByte(string(n), 0) >= 0 {
			return errors.New("a name that no file can have")
		}
	}
	const longestArch = 32
	if len(v.Needed) > MaxLibraries || len(v.Arch) > longestArch {
		return errors.New("too much of it")
	}
	switch v.Kind {
	case Empty, Script, ELF, Text, Windows, MacOS, Other:
		return nil
	case "":
		if len(v.Need) > 0 {
			return nil
		}
	}
	return errors.New("an unknown kind of file")
}
