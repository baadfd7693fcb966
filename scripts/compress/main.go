// compress compresses standard input to standard output as gzip, or with -zstd as Zstandard. Unlike gzip(1), it
// writes the same bytes on every machine, given the same version of Go and of the module.
package main

import (
	"compress/gzip"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"
)

func main() {
	zstandard := flag.Bool("zstd", false, "write Zstandard")
	flag.Parse()
	if err := run(os.Stdout, os.Stdin, *zstandard); err != nil {
		fmt.Fprintln(os.Stderr, "compress:", err)
		os.Exit(1)
	}
}

func run(to io.Writer, from io.Reader, zstandard bool) error {
	w, err := newWriter(to, zstandard)
	if err != nil {
		return err
	}
	if _, err := io.Copy(w, from); err != nil {
		return err
	}
	return w.Close()
}

func newWriter(to io.Writer, zstandard bool) (io.WriteCloser, error) {
	if zstandard {
		const window = 8 << 20 // bytes; pkg/toolbox allows as much
		return zstd.NewWriter(to, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithWindowSize(window),
			zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false))
	}
	return gzip.NewWriterLevel(to, gzip.BestCompression)
}
