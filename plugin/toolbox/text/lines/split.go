package lines

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// split is a call of split.
type split struct {
	prefix, additional, alphabet string
	suffix                       []int // of the next file, as places in the alphabet
	fixed                        bool  // the suffixes do not become longer
	verbose                      bool
	file                         *os.File
	out                          *bufio.Writer
}

// errSuffixes says that no name is left.
var errSuffixes = errors.New("output file suffixes exhausted")

// Split writes a file to several.
func Split(args []string) int {
	f := tool.Flags("split", "[-l LINES | -b BYTES | -n NUMBER] [-dx] [-a LENGTH] [FILE [PREFIX]]")
	lines := f.StringP("lines", "l", "1000", "lines of each file")
	size := f.StringP("bytes", "b", "", "bytes of each file, such as 10M")
	number := f.IntP("number", "n", 0, "so many files of the same size")
	decimal := f.BoolP("numeric-suffixes", "d", false, "suffixes in decimal digits")
	hex := f.BoolP("hex-suffixes", "x", false, "suffixes in hexadecimal digits")
	length := f.IntP("suffix-length", "a", 2, "the length of suffixes")
	s := &split{prefix: "x", alphabet: "abcdefghijklmnopqrstuvwxyz"}
	f.StringVar(&s.additional, "additional-suffix", "", "what the names end with")
	f.BoolVar(&s.verbose, "verbose", false, "print the name of each file")
	if status, ok := tool.Parse(f, numberAsLines(args)); !ok {
		return status
	}
	if f.NArg() > 2 || *length < 1 {
		return tool.Misused(f)
	}
	switch {
	case *decimal:
		s.alphabet = "0123456789"
	case *hex:
		s.alphabet = "0123456789abcdef"
	}
	if f.NArg() == 2 {
		s.prefix = f.Arg(1)
	}
	s.fixed, s.suffix = f.Changed("suffix-length"), make([]int, *length)
	name := tool.OrStdin(f.Args())[0]
	status := tool.Inputs("split", []string{name}, func(in tool.Input) error {
		switch {
		case f.Changed("number"):
			return s.equally(in, int64(*number))
		case *size != "":
			n, err := bytesOf(*size)
			if err != nil {
				return err
			}
			return s.byBytes(in, n)
		}
		n, err := bytesOf(*lines)
		if err != nil {
			return err
		}
		return s.byLines(in, n)
	})
	if err := s.close(); err != nil {
		return tool.Complain("split", err)
	}
	return status
}

// numberAsLines writes -10 as -l10.
func numberAsLines(args []string) []string {
	out := make([]string, len(args))
	for i, arg := range args {
		if len(arg) > 1 && arg[0] == '-' && strings.Trim(arg[1:], "0123456789") == "" {
			arg = "-l" + arg[1:]
		}
		out[i] = arg
	}
	return out
}

// bytesOf parses a number such as 100, 1b, 10K, 5MB or 1GiB.
func bytesOf(text string) (int64, error) {
	digits := text[:len(text)-len(strings.TrimLeft(text, "0123456789"))]
	n, err := strconv.ParseInt(digits, 10, 64)
	unit := text[len(digits):]
	factor := int64(1)
	if unit == "b" {
		unit, factor = "", 512
	}
	if unit != "" {
		base := int64(1024)
		if short, ok := strings.CutSuffix(unit, "iB"); ok {
			unit = short
		} else if short, ok := strings.CutSuffix(unit, "B"); ok {
			unit, base = short, 1000
		}
		power := strings.Index("KMGTPE", strings.ToUpper(unit))
		if power < 0 || len(unit) != 1 {
			err = strconv.ErrSyntax
		}
		for range power + 1 {
			factor *= base
		}
	}
	if err != nil || n < 1 || n > (1<<62)/factor {
		return 0, fmt.Errorf("%q is no number of bytes or lines", text)
	}
	return n * factor, nil
}

// next opens the next file.
func (s *split) next() error {
	if err := s.close(); err != nil {
		return err
	}
	if s.suffix == nil {
		return errSuffixes
	}
	suffix := make([]byte, len(s.suffix))
	for i, place := range s.suffix {
		suffix[i] = s.alphabet[place]
	}
	name := s.prefix + string(suffix) + s.additional
	s.advance()
	if s.verbose {
		tool.Printf("creating file '%s'\n", tool.Printable(name))
	}
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	s.file, s.out = file, bufio.NewWriterSize(file, 64<<10)
	return nil
}

// advance makes the next suffix. Behind xyz follows xzaaa, so that the names stay sorted.
func (s *split) advance() {
	for i := len(s.suffix) - 1; ; i-- {
		if s.suffix[i]++; s.suffix[i] < len(s.alphabet) {
			break
		}
		if s.suffix[i] = 0; i == 0 {
			s.suffix = nil
			return
		}
	}
	if last := len(s.alphabet) - 1; !s.fixed && s.suffix[0] == last {
		s.prefix += s.alphabet[last:]
		s.suffix = make([]int, len(s.suffix)+1)
	}
}

func (s *split) close() error {
	if s.file == nil {
		return nil
	}
	err := errors.Join(s.out.Flush(), s.file.Close())
	s.file = nil
	return err
}

func (s *split) byLines(in io.Reader, most int64) error {
	b := bufio.NewReaderSize(in, 64<<10)
	for written := most; ; {
		part, err := b.ReadSlice('\n')
		if len(part) > 0 {
			if written == most {
				if err := s.next(); err != nil {
					return err
				}
				written = 0
			}
			if _, err := s.out.Write(part); err != nil {
				return err
			}
		}
		switch {
		case err == nil:
			written++
		case errors.Is(err, io.EOF):
			return nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return err
		}
	}
}

func (s *split) byBytes(in io.Reader, most int64) error {
	b := bufio.NewReaderSize(in, 64<<10)
	for {
		if _, err := b.Peek(1); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if err := s.next(); err != nil {
			return err
		}
		if _, err := io.CopyN(s.out, b, most); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
	}
}

// equally writes so many files of the same size, the last of which may be larger.
func (s *split) equally(in tool.Input, n int64) error {
	info, err := in.File.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() || n < 1 {
		return errors.New("-n takes a number of files, and a regular file to split")
	}
	for i := range n {
		if err := s.next(); err != nil {
			return err
		}
		size := info.Size() / n
		if i < info.Size()%n {
			size++
		}
		if _, err := io.CopyN(s.out, in, size); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
	}
	return nil
}
