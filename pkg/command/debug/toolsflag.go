package debug

import (
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"strings"
)

// toolsKind is where tools come from.
type toolsKind int

const (
	builtinTools toolsKind = iota // only the toolbox
	imageTools                    // a local image
	clientTools                   // a directory or program of the client's machine
	engineTools                   // a directory of the engine's host
	hostTools                     // all programs of the engine's host, with its file system
)

// tools is the value of --tools.
type tools struct {
	kind toolsKind
	name string // of the image, or a path
}

// Words and prefixes of --tools.
const (
	builtin      = "builtin"
	enginePrefix = "engine:"
	hostWord     = "host"
)

func (t *tools) String() string {
	switch t.kind {
	case builtinTools:
		return builtin
	case engineTools:
		return enginePrefix + t.name
	case hostTools:
		return hostWord
	case imageTools, clientTools:
	}
	return t.name
}

func (t *tools) Type() string { return "string" }

// Set tells a path from the name of an image, which cannot begin with a slash or a dot.
func (t *tools) Set(value string) error {
	dir, onEngine := strings.CutPrefix(value, enginePrefix)
	switch {
	case value == "":
		return errors.New("must be builtin, the name of an image, or a path that begins with / or a dot")
	case value == builtin:
		*t = tools{}
	case value == hostWord:
		*t = tools{kind: hostTools}
	case onEngine && strings.HasPrefix(dir, "/"):
		*t = tools{engineTools, path.Clean(dir)}
	case onEngine && dir == "":
		return errors.New("needs a directory of the engine's host: engine:/DIR")
	case onEngine && strings.HasPrefix(dir, "."):
		return fmt.Errorf("%q is relative, and the engine has no working directory: write engine:/DIR", dir)
	case isPath(value):
		*t = tools{clientTools, value}
	default:
		*t = tools{imageTools, value}
	}
	return nil
}

// isPath reports whether a word is a path on the client's machine.
func isPath(value string) bool {
	return strings.HasPrefix(value, ".") || filepath.IsAbs(value) || strings.HasPrefix(value, "/")
}
