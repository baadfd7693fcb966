package text

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// Tail prints the end of files, and with -f what is appended to them.
func Tail(args []string) int {
	f := tool.Flags("tail", "[-f | -F] [-n LINES | -c BYTES] [FILE...]")
	lines := f.StringP("lines", "n", "10", "the number of lines, or with + from that line on")
	bytes := f.StringP("bytes", "c", "", "the number of bytes, or with + from that byte on")
	follow := f.StringP("follow", "f", "", "print what is appended; =name is -F without waiting for files")
	f.Lookup("follow").NoOptDefVal = "descriptor"
	name := f.BoolP("by-name", "F", false, "as -f, also if the file is replaced or comes later")
	quiet := f.BoolP("quiet", "q", false, "no names of files")
	names := f.BoolP("verbose", "v", false, "names of files")
	interval := f.Float64P("sleep-interval", "s", 1, "seconds between looks")
	retry := f.Bool("retry", false, "with --follow=name, wait for files that don't exist")
	if status, ok := tool.Parse(f, oldCount(args, "-n", true)); !ok {
		return status
	}
	if *follow != "" && *follow != "descriptor" && *follow != "name" {
		return tool.Complain("tail", fmt.Errorf("--follow=%s is unknown: name or descriptor", tool.Printable(*follow)))
	}
	*retry = *name || *retry && *follow == "name"
	*name = *name || *follow == "name"
	value := *lines
	if *bytes != "" {
		value = *bytes
	}
	n, sign, err := count(value)
	if err != nil {
		return tool.Complain("tail", err)
	}
	out, flush := tool.Output()
	defer flush()
	title := newTitle(out, f.NArg() > 1 && !*quiet || *names)
	var followed []*tailed
	status := 0
	for _, path := range orStdin(f.Args()) {
		t := &tailed{path: path}
		if err := t.open(); err != nil {
			status = tool.Complain("tail", err)
			if *retry {
				followed = append(followed, t)
			}
			continue
		}
		title(path)
		if err := end(t.file, out, n, sign == '+', *bytes != ""); err != nil {
			status = tool.Complain("tail", err)
		}
		followed = append(followed, t)
	}
	if *follow == "" && !*name || len(followed) == 0 {
		return status
	}
	watch(followed, out, *name, title, time.Duration(*interval*float64(time.Second)))
	return status
}

// tailed is a file that is followed.
type tailed struct {
	path string
	file *os.File // nil if there is none
}

func (t *tailed) open() (err error) {
	if t.path == "-" {
		t.file = os.Stdin
		return nil
	}
	t.file, err = os.Open(t.path)
	return err
}

// end prints the end of a file. What comes before is not read if the file can be read from the end.
func end(file *os.File, out *bufio.Writer, n int64, from, bytes bool) error {
	if from {
		return fromStart(file, out, n, bytes)
	}
	const part = 1 << 20
	if info, err := file.Stat(); err == nil && info.Mode().IsRegular() && !bytes && info.Size() > part {
		at, err := lineStart(file, info.Size(), n)
		if err != nil {
			return err
		}
		if _, err := file.Seek(at, io.SeekStart); err != nil {
			return err
		}
		_, err = io.Copy(out, file)
		return err
	}
	if bytes {
		if info, err := file.Stat(); err == nil && info.Mode().IsRegular() {
			if _, err := file.Seek(max(0, info.Size()-n), io.SeekStart); err != nil {
				return err
			}
			_, err = io.Copy(out, file)
			return err
		}
		text, err := io.ReadAll(file)
		out.Write(text[max(0, int64(len(text))-n):])
		return err
	}
	return lastLines(file, out, n)
}

func lastLines(in io.Reader, out *bufio.Writer, n int64) error {
	var kept []string
	b := bufio.NewReaderSize(in, 64<<10)
	for {
		line, err := b.ReadString('\n')
		if line != "" && n > 0 {
			kept = append(kept, line)
			if int64(len(kept)) > n {
				kept = kept[1:]
			}
		}
		if err != nil {
			for _, line := range kept {
				out.WriteString(line)
			}
			if err == io.EOF {
				err = nil
			}
			return err
		}
	}
}

func fromStart(in io.Reader, out *bufio.Writer, n int64, bytes bool) error {
	b := bufio.NewReader(in)
	for skip := n - 1; skip > 0; skip-- {
		var err error
		if bytes {
			_, err = b.ReadByte()
		} else {
			_, err = b.ReadString('\n')
		}
		if err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
	_, err := b.WriteTo(out)
	return err
}

// lineStart returns the offset of the n-th last line.
func lineStart(file *os.File, size, n int64) (int64, error) {
	if n == 0 {
		return size, nil
	}
	buf := make([]byte, 64<<10)
	found := int64(0)
	for at := size; at > 0; {
		part := min(at, int64(len(buf)))
		at -= part
		if _, err := file.ReadAt(buf[:part], at); err != nil && err != io.EOF {
			return 0, err
		}
		for i := part - 1; i >= 0; i-- {
			if buf[i] != '\n' || at+i == size-1 {
				continue
			}
			if found++; found == n {
				return at + i + 1, nil
			}
		}
	}
	return 0, nil
}

// watch prints what is appended to the files, for ever.
func watch(files []*tailed, out *bufio.Writer, byName bool, title func(string), interval time.Duration) {
	last := files[len(files)-1]
	for {
		if out.Flush() != nil {
			return
		}
		time.Sleep(interval)
		for _, t := range files {
			if byName {
				t.replaced()
			}
			if t.file == nil {
				continue
			}
			t.truncated()
			last = t.more(out, last, title)
		}
	}
}

// more prints all that has been appended. It returns the file that was printed last.
func (t *tailed) more(out *bufio.Writer, last *tailed, title func(string)) *tailed {
	part := make([]byte, 64<<10)
	for {
		n, err := t.file.Read(part)
		if n > 0 && t != last {
			title(t.path)
			last = t
		}
		if _, writeErr := out.Write(part[:n]); err != nil || n == 0 || writeErr != nil {
			return last
		}
	}
}

// replaced opens the file that has the name now, if it is another one.
func (t *tailed) replaced() {
	now, err := os.Stat(t.path)
	if err != nil {
		return
	}
	if t.file != nil {
		if old, err := t.file.Stat(); err == nil && os.SameFile(old, now) {
			return
		}
		fmt.Fprintf(os.Stderr, "tail: %s has been replaced\n", tool.Printable(t.path))
		t.file.Close()
		t.file = nil
	}
	_ = t.open()
}

// truncated starts again with a file that has become shorter.
func (t *tailed) truncated() {
	info, err := t.file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return
	}
	if at, err := t.file.Seek(0, io.SeekCurrent); err == nil && info.Size() < at {
		fmt.Fprintf(os.Stderr, "tail: %s has been truncated\n", tool.Printable(t.path))
		_, _ = t.file.Seek(0, io.SeekStart)
	}
}
