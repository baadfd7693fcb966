// Package stdio finds out what a process's standard streams are: terminals, files, the null device.
package stdio

import (
	"os"

	"golang.org/x/term"
)

// IsTerminal reports whether f is a terminal.
func IsTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }
