package archive

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/files/transfer"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/walk"
)

// Gzip compresses or decompresses files in their place, or standard input.
func Gzip(args []string) int { return gzipFiles("gzip", false, false, args) }

// Gunzip is gzip -d.
func Gunzip(args []string) int { return gzipFiles("gunzip", true, false, args) }

// Zcat is gzip -dc. It reads Zstandard and bzip2 too.
func Zcat(args []string) int { return gzipFiles("zcat", true, true, args) }

// gzipCall is a call of gzip.
type gzipCall struct {
	decompress, stdout, keep, force, test, verbose bool
	level                                          int
}

func gzipFiles(name string, decompress, stdout bool, args []string) int {
	g := &gzipCall{level: gzip.DefaultCompression}
	f := tool.Flags(name, "[-cdfkt1..9] [FILE...]")
	f.BoolVarP(&g.decompress, "decompress", "d", decompress, "decompress")
	f.BoolVarP(&g.stdout, "stdout", "c", stdout, "write to standard output")
	f.BoolVarP(&g.keep, "keep", "k", false, "keep the files")
	f.BoolVarP(&g.force, "force", "f", false, "overwrite files")
	f.BoolVarP(&g.test, "test", "t", false, "check only")
	f.BoolP("quiet", "q", false, "no warnings (the default)")
	f.BoolP("no-name", "n", false, "keep no name and time (the default)")
	f.BoolVarP(&g.verbose, "verbose", "v", false, "print what is done")
	for n := 1; n <= 9; n++ {
		digit := string(rune('0' + n))
		f.BoolP("level-"+digit, digit, false, "level "+digit)
	}
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	for n := 1; n <= 9; n++ {
		if f.Changed("level-" + string(rune('0'+n))) {
			g.level = n
		}
	}
	return tool.Inputs(name, f.Args(), g.input)
}

// convert compresses or decompresses.
func (g *gzipCall) convert(in io.Reader, out io.Writer) error {
	if g.decompress || g.test {
		r, err := decompressed(in)
		if _, plain := r.(*bufio.Reader); err == nil && plain {
			return errors.New("it is not compressed by gzip, bzip2 or Zstandard")
		}
		if err == nil {
			_, err = io.Copy(out, r)
		}
		return err
	}
	w, err := gzip.NewWriterLevel(out, g.level)
	if err != nil {
		return err
	}
	_, err = io.Copy(w, in)
	return errors.Join(err, w.Close())
}

// input handles a file.
func (g *gzipCall) input(in tool.Input) error {
	switch {
	case g.test:
		return g.convert(in, io.Discard)
	case g.stdout || in.Name == "-":
		return g.convert(in, tool.Stdout)
	}
	to := in.Name + ".gz"
	if g.decompress {
		var ok bool
		if to, ok = gunzipped(in.Name); !ok {
			return fmt.Errorf("%s: unknown suffix", tool.Printable(in.Name))
		}
	} else if strings.HasSuffix(in.Name, ".gz") {
		return fmt.Errorf("%s: it has the suffix .gz already", tool.Printable(in.Name))
	}
	if err := replace(in, to, g.force, g.convert); err != nil {
		return err
	}
	if g.verbose {
		fmt.Fprintf(os.Stderr, "%s -> %s\n", tool.Printable(in.Name), tool.Printable(to))
	}
	if g.keep {
		return nil
	}
	return os.Remove(in.Name)
}

func gunzipped(name string) (string, bool) {
	if short, ok := strings.CutSuffix(name, ".tgz"); ok {
		return short + ".tar", true
	}
	for _, suffix := range []string{".gz", ".zst", ".bz2", ".Z"} {
		if short, ok := strings.CutSuffix(name, suffix); ok {
			return short, true
		}
	}
	return "", false
}

// replace writes a new file with the attributes of the old one.
func replace(in tool.Input, to string, force bool, do func(io.Reader, io.Writer) error) error {
	var s unix.Stat_t
	if err := unix.Fstat(int(in.File.Fd()), &s); err != nil {
		return &os.PathError{Op: "stat", Path: in.Name, Err: err}
	}
	if force { // a link is not written through
		_ = unix.Unlink(to)
	}
	out, done, err := tool.Unfinished(func() (*os.File, error) {
		return os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, os.FileMode(s.Mode&0o777))
	})
	defer done()
	if err != nil {
		return err
	}
	err = do(in, out)
	if err == nil {
		err = transfer.KeepAttributes(out, walk.Argument(to), &s)
	}
	if err = errors.Join(err, out.Close()); err != nil {
		_ = os.Remove(to)
	}
	return err
}
