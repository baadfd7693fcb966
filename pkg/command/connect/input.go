package connect

import (
	"io"
	"os"
)

// isRegular reports whether reading a file never waits.
func isRegular(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode().IsRegular()
}

// reader returns what is to be sent.
func (in *input) reader() io.Reader {
	if isRegular(in.file) {
		return in.file // the kernel can send it itself
	}
	return in
}
