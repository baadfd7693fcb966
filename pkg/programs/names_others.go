//go:build !linux

package programs

import (
	"errors"
	"io"
	"os"
	"slices"
)

func namesIn(dir *os.File, most int) ([]string, error) {
	names, err := dir.Readdirnames(most + 1)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	slices.Sort(names)
	return names, err
}
