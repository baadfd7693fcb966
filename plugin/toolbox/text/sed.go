package text

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// Sed edits a stream.
func Sed(args []string) int {
	f := tool.Flags("sed", "[-nErsz] [-i[SUFFIX]] SCRIPT | -e SCRIPT | -f FILE [FILE...]")
	quiet := f.BoolP("quiet", "n", false, "print only what p prints")
	f.BoolVar(quiet, "silent", false, "as -n")
	extended := f.BoolP("regexp-extended", "E", false, "extended regular expressions")
	f.BoolVarP(extended, "regexp-extended-r", "r", false, "extended regular expressions")
	scripts := f.StringArrayP("expression", "e", nil, "a script")
	scriptFiles := f.StringArrayP("file", "f", nil, "a file with a script")
	inPlace := f.StringP("in-place", "i", "", "change the files; with a suffix keep the old ones")
	f.Lookup("in-place").NoOptDefVal = "\x00"
	separate := f.BoolP("separate", "s", false, "each file has its own line numbers")
	zero := f.BoolP("null-data", "z", false, "lines end with NUL")
	unbuffered := f.BoolP("unbuffered", "u", false, "read no more of standard input than is needed; output is never held back")
	if status, ok := tool.Parse(f, tool.Attached(args, "-i", "--in-place")); !ok {
		return status
	}
	files := f.Args()
	script := strings.Join(*scripts, "\n")
	for _, path := range *scriptFiles {
		text, err := os.ReadFile(path)
		if err != nil {
			return tool.Complain("sed", err)
		}
		script += "\n" + strings.TrimSuffix(string(text), "\n")
	}
	if len(*scripts) == 0 && len(*scriptFiles) == 0 {
		if len(files) == 0 {
			f.Usage()
			return tool.Usage
		}
		script, files = files[0], files[1:]
	}
	commands, err := parseSed(script, *extended)
	if err != nil {
		return tool.Complain("sed", err)
	}
	s := &sed{commands: commands, quiet: *quiet, unbuffered: *unbuffered, end: '\n', ranges: make(map[*sedCommand]bool)}
	if *zero {
		s.end = 0
	}
	if f.Changed("in-place") {
		return s.inPlace(files, strings.TrimPrefix(*inPlace, "\x00"))
	}
	out, flush := tool.Output()
	defer flush()
	s.out = out
	if *separate {
		status := 0
		for _, path := range orStdin(files) {
			s.n = 0
			status = max(status, s.edit([]string{path}))
		}
		return status
	}
	return s.edit(orStdin(files))
}

// sed is a running script.
type sed struct {
	commands   []*sedCommand
	quiet      bool
	unbuffered bool
	end        byte
	out        *bufio.Writer
	ranges     map[*sedCommand]bool // whose range has begun

	in       *sedInput
	n        int    // of the line
	pattern  string // the pattern space
	hold     string
	after    []string // to print at the end of the cycle
	ended    bool     // the line that was read last had an end
	unended  bool     // what was printed last had none
	replaced bool     // since the last line or t
	status   int
}

// inPlace edits each file by itself.
func (s *sed) inPlace(files []string, suffix string) int {
	status := 0
	for _, path := range files {
		if err := s.change(path, suffix); err != nil {
			status = tool.Complain("sed", err) + 1
		}
		s.n = 0
	}
	return max(status, s.status)
}

func (s *sed) change(path, suffix string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s: not a regular file", tool.Printable(path))
	}
	var text strings.Builder
	s.out, s.unended = bufio.NewWriter(&text), false
	if s.edit([]string{path}) != 0 {
		return fmt.Errorf("%s: not changed", tool.Printable(path))
	}
	_ = s.out.Flush()
	if suffix != "" {
		if err := os.Rename(path, path+suffix); err != nil {
			return err
		}
		return os.WriteFile(path, []byte(text.String()), info.Mode().Perm())
	}
	return replace(path, text.String(), info)
}

// replace lets a new file take the old one's place, so that a reader never sees half of it. Only where no file can be
// made or renamed, as for a file that is a mount, the old one is written. After another error, such as that of a full
// disk, that would fail too, and take away what the file has.
func replace(path, text string, info fs.FileInfo) error {
	temporary, err := os.CreateTemp(filepath.Dir(path), ".sed-*")
	if err == nil {
		_, err = temporary.WriteString(text)
		err = errors.Join(err, temporary.Chmod(info.Mode().Perm()), temporary.Close())
		if uid, gid, ok := owner(info); ok {
			_ = os.Lchown(temporary.Name(), uid, gid)
		}
		if err == nil {
			err = os.Rename(temporary.Name(), path)
		}
		if err == nil {
			return nil
		}
		_ = os.Remove(temporary.Name())
	}
	for _, never := range []error{fs.ErrPermission, fs.ErrNotExist, unix.EROFS, unix.EXDEV, unix.EBUSY} {
		if errors.Is(err, never) {
			return os.WriteFile(path, []byte(text), info.Mode().Perm())
		}
	}
	return err
}

// edit runs the script on each line.
func (s *sed) edit(files []string) int {
	s.status = 0
	s.in = &sedInput{files: files, end: s.end, unbuffered: s.unbuffered, status: &s.status}
	defer s.in.leave()
	for s.in.more() {
		s.read()
		quit := s.cycle()
		for quit == sedRestart {
			quit = s.cycle()
		}
		if quit != sedDelete && quit != sedQuitSilently && !s.quiet {
			s.print(s.pattern, s.ended)
		}
		for _, text := range s.after {
			s.write("", text)
		}
		s.after = nil
		if quit == sedQuit || quit == sedQuitSilently {
			return s.status
		}
	}
	return s.status
}

// read takes the next line into the pattern space.
func (s *sed) read() {
	s.pattern, s.ended = s.in.take()
	s.n++
	s.replaced = false
}

// print prints a line. The last line of the input may have no end, and gets one only if something follows.
func (s *sed) print(line string, ended bool) {
	end := string(s.end)
	if !ended {
		end = ""
	}
	s.write(line, end)
	s.unended = !ended
}

// write writes two texts after the lines before.
func (s *sed) write(text, end string) {
	if s.unended {
		s.unended = false
		s.out.WriteByte(s.end)
	}
	s.out.WriteString(text)
	s.out.WriteString(end)
}
