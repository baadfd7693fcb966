package text

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pmezard/go-difflib/difflib"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// diff is a call of diff.
type diff struct {
	unified                                                          int // lines around; -1 is the plain format
	brief, same, recursive, newFile, fold, blanks, allBlanks, asText bool

	out    *bufio.Writer
	differ bool
	status int
}

// Diff compares files or directories.
func Diff(args []string) int {
	d := &diff{}
	f := tool.Flags("diff", "[OPTIONS] FILE FILE")
	unified := f.BoolP("u", "u", false, "the unified format")
	f.IntVarP(&d.unified, "unified", "U", -1, "the unified format with so many lines around")
	f.BoolVarP(&d.brief, "brief", "q", false, "tell only whether files differ")
	f.BoolVarP(&d.same, "report-identical-files", "s", false, "tell which files are the same")
	f.BoolVarP(&d.recursive, "recursive", "r", false, "directories too")
	f.BoolVarP(&d.newFile, "new-file", "N", false, "a missing file is an empty one")
	f.BoolVarP(&d.fold, "ignore-case", "i", false, "ignore case")
	f.BoolVarP(&d.blanks, "ignore-space-change", "b", false, "ignore the amount of blanks")
	f.BoolVarP(&d.allBlanks, "ignore-all-space", "w", false, "ignore blanks")
	f.BoolVarP(&d.asText, "text", "a", false, "binary files are text")
	f.String("color", "", "no colors are shown")
	f.Lookup("color").NoOptDefVal = "auto"
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	if f.NArg() != 2 {
		f.Usage()
		return tool.Usage
	}
	if *unified && d.unified < 0 {
		d.unified = 3
	}
	out, flush := tool.Output()
	defer flush()
	d.out = out
	d.compare(f.Arg(0), f.Arg(1), "")
	switch {
	case d.status != 0:
		return d.status
	case d.differ:
		return 1
	}
	return 0
}

func (d *diff) fail(err error) {
	_ = d.out.Flush()
	tool.Complain("diff", err)
	d.status = tool.Usage
}

// compare compares two files or directories. title is the line above the differences of files in directories.
func (d *diff) compare(a, b, title string) {
	aDir, bDir := directory(a), directory(b)
	switch {
	case aDir && bDir:
		d.directories(a, b, title == "")
		return
	case aDir && title == "":
		a = filepath.Join(a, filepath.Base(b))
	case bDir && title == "":
		b = filepath.Join(b, filepath.Base(a))
	case aDir || bDir:
		d.differ = true
		fmt.Fprintf(d.out, "%s and %s: one is a directory\n", tool.Printable(a), tool.Printable(b))
		return
	}
	open := os.Open
	if title != "" { // in directories, what is no file is not read: a FIFO would be waited for
		if !d.files(a, b) {
			return
		}
		open = tool.OpenRegular
	}
	aText, err := d.read(a, open)
	if err == nil {
		var bText []byte
		if bText, err = d.read(b, open); err == nil {
			d.texts(a, b, aText, bText, title)
			return
		}
	}
	d.fail(err)
}

func directory(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func (d *diff) read(path string, open func(string) (*os.File, error)) ([]byte, error) {
	if path == "-" {
		path = "/dev/stdin"
	}
	file, err := open(path)
	if d.newFile && errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(file)
}

// files reports whether both are regular files, or missing, and tells if they are not.
func (d *diff) files(a, b string) bool {
	kinds := [2]string{}
	for i, path := range []string{a, b} {
		info, err := os.Stat(path)
		switch {
		case err != nil || info.Mode().IsRegular():
			kinds[i] = "regular file"
		case info.Mode()&fs.ModeNamedPipe != 0:
			kinds[i] = "fifo"
		case info.Mode()&fs.ModeSocket != 0:
			kinds[i] = "socket"
		case info.Mode()&fs.ModeCharDevice != 0:
			kinds[i] = "character special file"
		default:
			kinds[i] = "block special file"
		}
	}
	if kinds == [2]string{"regular file", "regular file"} {
		return true
	}
	d.differ = true
	fmt.Fprintf(d.out, "File %s is a %s while file %s is a %s\n", tool.Printable(a), kinds[0], tool.Printable(b), kinds[1])
	return false
}

func (d *diff) directories(a, b string, top bool) {
	if !d.recursive && !top {
		fmt.Fprintf(d.out, "Common subdirectories: %s and %s\n", tool.Printable(a), tool.Printable(b))
		return
	}
	aNames, err := names(a)
	if err == nil {
		var bNames []string
		if bNames, err = names(b); err == nil {
			d.entries(a, b, aNames, bNames)
			return
		}
	}
	d.fail(err)
}

func names(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	list := make([]string, 0, len(entries))
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list, err
}

func (d *diff) entries(a, b string, aNames, bNames []string) {
	all := slices.Concat(aNames, bNames)
	slices.Sort(all)
	for _, name := range slices.Compact(all) {
		inA, inB := slices.Contains(aNames, name), slices.Contains(bNames, name)
		aPath, bPath := filepath.Join(a, name), filepath.Join(b, name)
		if inA && inB || d.newFile {
			d.compare(aPath, bPath, fmt.Sprintf("diff %s %s\n", tool.Printable(aPath), tool.Printable(bPath)))
			continue
		}
		d.differ = true
		dir := a
		if inB {
			dir = b
		}
		fmt.Fprintf(d.out, "Only in %s: %s\n", tool.Printable(dir), tool.Printable(name))
	}
}

func (d *diff) texts(a, b string, aText, bText []byte, title string) {
	if bytes.Equal(aText, bText) {
		if d.same {
			fmt.Fprintf(d.out, "Files %s and %s are identical\n", tool.Printable(a), tool.Printable(b))
		}
		return
	}
	binary := !d.asText && (bytes.IndexByte(aText[:min(len(aText), 8192)], 0) >= 0 || bytes.IndexByte(bText[:min(len(bText), 8192)], 0) >= 0)
	if d.brief || binary {
		d.differ = true
		kind := "Files"
		if binary && !d.brief {
			kind = "Binary files"
		}
		fmt.Fprintf(d.out, "%s %s and %s differ\n", kind, tool.Printable(a), tool.Printable(b))
		return
	}
	aLines, bLines := splitLines(aText), splitLines(bText)
	matcher := difflib.NewMatcherWithJunk(d.keys(aLines), d.keys(bLines), false, nil)
	codes := matcher.GetOpCodes()
	if len(codes) == 0 || len(codes) == 1 && codes[0].Tag == 'e' {
		return
	}
	d.differ = true
	d.out.WriteString(title)
	if d.unified >= 0 {
		fmt.Fprintf(d.out, "--- %s%s\n+++ %s%s\n", tool.Printable(a), changed(a), tool.Printable(b), changed(b))
		for _, group := range matcher.GetGroupedOpCodes(d.unified) {
			d.hunk(group, aLines, bLines)
		}
		return
	}
	for _, c := range codes {
		d.plain(c, aLines, bLines)
	}
}

func changed(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	return "\t" + info.ModTime().Format("2006-01-02 15:04:05.000000000 -0700")
}

// splitLines splits a text. Its last line has no newline if the text has none.
func splitLines(text []byte) []string {
	lines := strings.SplitAfter(string(text), "\n")
	if lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}

// keys returns what is compared of the lines.
func (d *diff) keys(lines []string) []string {
	if !d.fold && !d.blanks && !d.allBlanks {
		return lines
	}
	keys := make([]string, len(lines))
	for i, line := range lines {
		switch {
		case d.allBlanks:
			line = strings.Join(strings.Fields(line), "")
		case d.blanks:
			line = strings.TrimRight(line, " \t\n")
			lead := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
			line = strings.Join(strings.Fields(line), " ")
			if lead != "" {
				line = " " + line
			}
		}
		if d.fold {
			line = strings.ToLower(line)
		}
		keys[i] = line
	}
	return keys
}
