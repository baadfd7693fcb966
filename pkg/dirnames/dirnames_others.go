//go:build !linux

// Package dirnames lists the names in a directory.
package dirnames

import (
	"errors"
	"io"
	"os"
	"slices"
)

// In returns the sorted names in a directory that was opened for reading; more than most if there are more.
func In(dir *os.File, most int) ([]string, error) {
	names, err := dir.Readdirnames(most + 1)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	slices.Sort(names)
	return names, err
}
