package lines

import (
	"bufio"
	"bytes"
	"errors"
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
	byBytes := f.StringP("bytes", "c", "", "the number of bytes, or with + from that byte on")
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
	if *byBytes != "" {
		value = *byBytes
	}
	n, sign, err := count(value)
	if err != nil {
		return tool.Complain("tail", err)
	}
	out, flush := tool.Output()
	defer flush()
	title := newTitle(out, f.NArg() > 1 && !*quiet || *names)
	followed, status := tails(tool.OrStdin(f.Args()), *retry, func(t *tailed) error {
		title(t.path)
		return end(t.file, out, n, sign == '+', *byBytes != "")
	})
	if *follow == "" && !*name || len(followed) == 0 {
		return status
	}
	watch(followed, out, *name, title, time.Duration(*interval*float64(time.Second)))
	return status
}

// tails opens files and prints their ends. It returns those that can be followed, and those that may come later.
func tails(paths []string, later bool, show func(*tailed) error) (followed []*tailed, status int) {
	for _, path := range paths {
		t := &tailed{path: path}
		if err := t.open(); err != nil {
			status = tool.Complain("tail", err)
			if later {
				followed = append(followed, t)
			}
			continue
		}
		if err := show(t); err != nil {
			status = tool.Complain("tail", err)
		}
		followed = append(followed, t)
	}
	return followed, status
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
	t.file, err = tool.Open(t.path)
	return err
}

// end prints the end of a file. What comes before is not read if the file can be read from the end.
func end(file *os.File, out *bufio.Writer, n int64, from, byBytes bool) error {
	if from {
		return fromStart(file, out, n, byBytes)
	}
	if info, err := file.Stat(); err == nil && hasEnd(info) && !byBytes {
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
	if byBytes {
		if info, err := file.Stat(); err == nil && hasEnd(info) {
			if _, err := file.Seek(max(0, info.Size()-n), io.SeekStart); err != nil {
				return err
			}
			_, err = io.Copy(out, file)
			return err
		}
		return lastBytes(file, out, n)
	}
	return lastLines(file, out, n)
}

// hasEnd reports whether a file is large, and can be read from the end. Files of /proc and /sys seem to be regular, but
// their size says nothing: it is 0 or a page.
func hasEnd(info os.FileInfo) bool {
	const large = 1 << 20
	return info.Mode().IsRegular() && info.Size() > large
}

// lastBytes prints the last n bytes of an input that has no end to begin at. It keeps no more than it needs.
func lastBytes(in io.Reader, out *bufio.Writer, n int64) error {
	q := &blocks{}
	err := q.fill(in, func() bool { return q.bytes-int64(len(q.list[0].text)) >= n })
	q.print(out, q.bytes-n)
	return err
}

// lastLines prints the last n lines of an input that has no end to begin at.
func lastLines(in io.Reader, out *bufio.Writer, n int64) error {
	q := &blocks{}
	err := q.fill(in, func() bool { return q.lines-q.list[0].lines > n })
	if n == 0 || len(q.list) == 0 {
		return err
	}
	surplus := q.lines - n // the lines that are not printed
	if last := q.list[len(q.list)-1].text; last[len(last)-1] != '\n' {
		surplus++
	}
	skip := int64(0) // bytes
	for _, b := range q.list {
		if surplus > b.lines {
			surplus -= b.lines
			skip += int64(len(b.text))
			continue
		}
		for at := 0; surplus > 0; surplus-- {
			length := bytes.IndexByte(b.text[at:], '\n') + 1
			at += length
			skip += int64(length)
		}
		break
	}
	q.print(out, skip)
	return err
}

// blocks are the last parts of an input.
type blocks struct {
	list         []block
	bytes, lines int64
	kept         tool.Kept
}

type block struct {
	text  []byte
	lines int64 // the newlines
}

// fill reads the whole input. It drops the first part as long as it is not needed.
func (q *blocks) fill(in io.Reader, surplus func() bool) error {
	const size = 64 << 10
	for {
		if n := len(q.list); n == 0 || len(q.list[n-1].text) == size {
			if err := q.kept.Add(size); err != nil {
				return err
			}
			q.list = append(q.list, block{text: make([]byte, 0, size)})
		}
		last := &q.list[len(q.list)-1]
		old := len(last.text)
		n, err := in.Read(last.text[old:size])
		last.text = last.text[:old+n]
		lines := int64(bytes.Count(last.text[old:], []byte{'\n'}))
		last.lines += lines
		q.bytes, q.lines = q.bytes+int64(n), q.lines+lines
		for len(q.list) > 1 && surplus() {
			q.bytes, q.lines = q.bytes-int64(len(q.list[0].text)), q.lines-q.list[0].lines
			q.list = q.list[1:]
			_ = q.kept.Add(-size)
		}
		if err == nil {
			continue
		}
		if len(last.text) == 0 {
			q.list = q.list[:len(q.list)-1]
		}
		if err == io.EOF {
			err = nil
		}
		return err
	}
}

// print prints what there is but the first bytes.
func (q *blocks) print(out *bufio.Writer, skip int64) {
	for _, b := range q.list {
		from := min(max(0, skip), int64(len(b.text)))
		skip -= from
		out.Write(b.text[from:])
	}
}

func fromStart(in io.Reader, out *bufio.Writer, n int64, byBytes bool) error {
	b := bufio.NewReader(in)
	for skip := n - 1; skip > 0; {
		var err error
		if byBytes {
			var dropped int
			dropped, err = b.Discard(int(min(skip, 1<<20)))
			skip -= int64(dropped)
		} else if _, err = b.ReadSlice('\n'); err == nil {
			skip--
		} else if errors.Is(err, bufio.ErrBufferFull) {
			err = nil
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
