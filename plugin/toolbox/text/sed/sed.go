// Package sed has the toolbox's sed.
package sed

import (
	"bufio"
	"io/fs"
	"os"
	"strings"

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
			return tool.Misused(f)
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
		for _, path := range tool.OrStdin(files) {
			s.n = 0
			if status = max(status, s.edit([]string{path})); s.quit {
				break
			}
		}
		return status
	}
	return s.edit(tool.OrStdin(files))
}

// sed is a running script.
type sed struct {
	commands   []*sedCommand
	quiet      bool
	unbuffered bool
	was        fs.FileInfo // the file of -i
	end        byte
	out        *bufio.Writer
	ranges     map[*sedCommand]bool // whose range has begun

	in       *sedInput
	n        int    // of the line
	pattern  string // the pattern space
	hold     string
	joined   strings.Builder // the pattern space after N, so that the next N does not copy it
	held     strings.Builder // the hold space after H
	kept     tool.Kept
	after    []string // to print at the end of the cycle
	ended    bool     // the line that was read last had an end
	unended  bool     // what was printed last had none
	replaced bool     // since the last line or t
	status   int
	quit     bool // by q or Q
	code     int  // of q or Q
}

// edit runs the script on each line.
func (s *sed) edit(files []string) int {
	s.status = 0
	s.in = &sedInput{files: files, end: s.end, unbuffered: s.unbuffered, was: s.was, status: &s.status}
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
			break
		}
	}
	if s.status == 0 {
		return s.code
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
