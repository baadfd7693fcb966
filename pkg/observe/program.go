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

// Limits for reading a program that could not be executed.
const (
	maxProgramFiles = 64   // files of PATH that are examined
	maxInterpreters = 5    // in a chain, as in the kernel
	maxFirstLine    = 256  // bytes of a script, BINPRM_BUF_SIZE of linux/binfmts.h
	maxHeaders      = 4096 // bytes of an ELF file with its headers, and of a path
	programTimeout  = time.Second
)

// WhyNotExecuted returns an error about a missing interpreter or loader, which the kernel does not name, if that is
// why the kernel refused an existing file with the error cause; nil for other reasons. root is the process whose
// root the command has.
//
// The files are the container's, and may be on a file system that does not answer. Then the reading thread
// stays behind.
func (o *Observation) WhyNotExecuted(p *plan.Plan, root int, cause error) error {
	if !errors.Is(cause, unix.ENOENT) && !errors.Is(cause, unix.EACCES) {
		return nil
	}
	if p.View != nil && p.View.Tree != "" {
		return nil // the command's root directory is not that of root
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
	late := time.AfterFunc(programTimeout, func() { answers <- nil })
	defer late.Stop()
	return <-answers
}

// missingInterpreter takes the first executable file of paths and follows its interpreters. It returns an error
// about the first one that is missing. dir is the working directory.
func missingInterpreter(root *os.File, dir string, paths []string) error {
	for _, name := range paths[:min(len(paths), maxProgramFiles)] {
		name = absolute(dir, name)
		if executable(root, name) != nil {
			continue
		}
		for range maxInterpreters {
			kind, next := interpreter(root, name)
			if next == "" {
				return nil
			}
			if err := executable(root, absolute(dir, next)); err != nil {
				err = fmt.Errorf("%s %q of %s: %w", kind, next, name, err)
				if next[len(next)-1] == '\r' {
					err = exit.Hint(err, "its first line ends with a carriage return; remove it: sed -i 's/\\r$//' %s", plan.QuoteArg(name))
				}
				return err
			}
			name = absolute(dir, next)
		}
		return nil
	}
	return nil
}

func absolute(dir, name string) string {
	if path.IsAbs(name) {
		return name
	}
	return path.Join("/", dir, name)
}

// executable returns nil, or the kernel's error for a file that nobody can execute.
func executable(root *os.File, name string) error {
	f, err := inroot.OpenPath(root, name)
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

// interpreter returns the path of the program that the kernel executes for a file, and its kind; "" if it executes
// the file itself.
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

// firstWord returns the first word of a line.
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

// loader returns the PT_INTERP of an ELF file, elf(5). head is the beginning of the file.
func loader(f io.ReaderAt, head []byte) string {
	const class, data, minimum = 4, 5, 64
	if len(head) < minimum || string(head[:4]) != "\x7fELF" {
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
	// The size of an address; the offsets of e_phoff and e_phentsize (e_phnum follows); the offsets of p_offset and
	// p_filesz in a program header.
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
