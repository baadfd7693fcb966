//go:build linux

package observe

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/inroot"
	"github.com/nsjoin/docker-nsjoin/pkg/plan"
)

// Bounds of what is read of a program that could not be executed.
const (
	maxTried        = 64   // files of PATH that are looked at
	maxInterpreters = 5    // one for another, as the kernel allows
	maxFirstLine    = 256  // bytes of a script, BINPRM_BUF_SIZE of linux/binfmts.h
	maxHeaders      = 4096 // bytes of a program with its headers, and of a path
	programWithin   = time.Second
)

// WhyNotExecuted looks for why the kernel has not executed a file of the command that is there, cause
// being its error: an interpreter or a loader that is missing, which the kernel does not name. It is
// nil where it is another reason. root is the process whose root the command has.
//
// The files are the container's, and may be on a file system that does not answer: then the thread
// that reads stays behind.
func (o *Observation) WhyNotExecuted(p *plan.Plan, root int, cause error) error {
	if !errors.Is(cause, unix.ENOENT) && !errors.Is(cause, unix.EACCES) {
		return nil
	}
	answers := make(chan error, 2)
	go func() {
		dir, err := o.OpenRoot(root)
		if err != nil {
			answers <- nil
			return
		}
		defer dir.Close()
		answers <- missingInterpreter(dir, p.Identity.Dir, p.Command.Paths)
	}()
	late := time.AfterFunc(programWithin, func() { answers <- nil })
	defer late.Stop()
	return <-answers
}

// missingInterpreter finds the first of paths that may be executed, and says which interpreter it
// lacks, or which one that one lacks. dir is the working directory.
func missingInterpreter(root *os.File, dir string, paths []string) error {
	for _, name := range paths[:min(len(paths), maxTried)] {
		name = from(dir, name)
		if executable(root, name) != nil {
			continue
		}
		for range maxInterpreters {
			kind, next := interpreter(root, name)
			if next == "" {
				return nil
			}
			if err := executable(root, from(dir, next)); err != nil {
				err = fmt.Errorf("%s %q of %s: %w", kind, next, name, err)
				if next[len(next)-1] == '\r' {
					err = exit.Hint(err, "its first line ends with a carriage return: sed -i 's/\\r$//' %s", plan.QuoteArg(name))
				}
				return err
			}
			name = from(dir, next)
		}
		return nil
	}
	return nil
}

func from(dir, name string) string {
	if path.IsAbs(name) {
		return name
	}
	return path.Join("/", dir, name)
}

// executable is the kernel's error for a file that can't be executed by anybody, or nil.
func executable(root *os.File, name string) error {
	f, err := inroot.Look(root, name)
	if err != nil {
		return err
	}
	defer f.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG || st.Mode&0o111 == 0 {
		return unix.EACCES
	}
	return nil
}

// interpreter is what the kernel executes in place of a file, and what that is called; "" for nothing.
func interpreter(root *os.File, name string) (kind, next string) {
	f, err := inroot.OpenRegular(root, name)
	if err != nil {
		return "", ""
	}
	defer f.Close()
	head := make([]byte, maxHeaders)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return "", ""
	}
	head = head[:n]
	if line, ok := bytes.CutPrefix(head, []byte("#!")); ok {
		return "interpreter", firstWord(line[:min(len(line), maxFirstLine-2)])
	}
	return "loader", loader(f, head)
}

// firstWord is the first word of a line.
func firstWord(line []byte) string {
	if i := bytes.IndexByte(line, '\n'); i >= 0 {
		line = line[:i]
	}
	line = bytes.TrimLeft(line, " \t")
	if i := bytes.IndexAny(line, " \t\x00"); i >= 0 {
		line = line[:i]
	}
	return string(line)
}

// loader is the PT_INTERP of an ELF file whose first bytes are head, elf(5).
func loader(f io.ReaderAt, head []byte) string {
	const class, data, least = 4, 5, 64
	if len(head) < least || string(head[:4]) != "\x7fELF" {
		return ""
	}
	big := head[data] == 2
	number := func(of []byte, size int) (n uint64) {
		for i := range size {
			if b := of[i]; big {
				n = n<<8 | uint64(b)
			} else {
				n |= uint64(b) << (8 * i)
			}
		}
		return n
	}
	// The size of an address; where the place, size and number of the headers are, and in each its
	// place and size in the file.
	word, place, sizes, offset, length := 4, 28, 42, 4, 16
	if head[class] == 2 {
		word, place, sizes, offset, length = 8, 32, 54, 8, 32
	}
	at, size, count := number(head[place:], word), number(head[sizes:], 2), number(head[sizes+2:], 2)
	const interp, header = 3, 40
	for ; count > 0 && at < maxHeaders && at+header <= uint64(len(head)); count-- {
		h := head[at:]
		if number(h, 4) == interp {
			text := make([]byte, min(number(h[length:], word), maxHeaders))
			n, _ := f.ReadAt(text, int64(number(h[offset:], word)&(1<<62-1))) //nolint:gosec // masked
			text, _, _ = bytes.Cut(text[:n], []byte{0})
			return string(text)
		}
		at += max(size, 1)
	}
	return ""
}
