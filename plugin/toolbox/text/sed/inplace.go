package sed

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// inPlace edits each file by itself.
func (s *sed) inPlace(files []string, suffix string) int {
	status := 0
	for _, path := range files {
		err := s.change(path, suffix)
		switch {
		case errors.Is(err, tool.ErrNotRegular):
			tool.Complain("sed", err)
			return sedWriteError
		case err != nil:
			status = tool.Complain("sed", err) + 1
		}
		if s.n = 0; s.quit {
			break
		}
	}
	status = max(status, s.status)
	if status == 0 {
		return s.code
	}
	return status
}

// change edits a file. A new file takes the old one's place, so that a reader never sees half of it. Only where no file can
// be made or renamed, as for a file that is a mount, the old one is written.
func (s *sed) change(path, suffix string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return &os.PathError{Op: "open", Path: path, Err: tool.ErrNotRegular}
	}
	temporary, done, err := tool.Unfinished(func() (*os.File, error) { return os.CreateTemp(filepath.Dir(path), ".sed-*") })
	defer done()
	if err != nil && (suffix != "" || !tool.InTheWay(err)) {
		return err
	}
	if err != nil {
		var text memory
		if err := s.editTo(&text, path, info); err != nil {
			return err
		}
		return tool.Overwrite(path, info, text.Bytes())
	}
	err = errors.Join(s.editTo(temporary, path, info), own(temporary, info))
	if err == nil && suffix != "" {
		err = os.Rename(path, path+suffix)
	}
	if err == nil {
		err = os.Rename(temporary.Name(), path)
	}
	if err != nil {
		_ = os.Remove(temporary.Name())
	}
	if suffix == "" && tool.InTheWay(err) {
		err = copyBack(temporary, path, info)
	}
	return errors.Join(err, temporary.Close())
}

// editTo writes what a file becomes.
func (s *sed) editTo(to io.Writer, path string, info fs.FileInfo) error {
	s.out, s.unended, s.was = bufio.NewWriterSize(to, 64<<10), false, info
	defer func() { s.was = nil }()
	if s.edit([]string{path}); s.status != 0 {
		return fmt.Errorf("%s: not changed", tool.Printable(path))
	}
	return s.out.Flush()
}

// own gives a file the owner and the mode of the old one by its descriptor: its name may be another file's by now.
func own(file *os.File, info fs.FileInfo) error {
	if uid, gid, ok := owner(info); ok {
		_ = file.Chown(uid, gid)
	}
	return file.Chmod(info.Mode())
}

// copyBack writes the new text into the old file.
func copyBack(file *os.File, path string, info fs.FileInfo) error {
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	text, err := tool.ReadAll(file)
	if err != nil {
		return err
	}
	return tool.Overwrite(path, info, text)
}

// memory is a text in memory.
type memory struct {
	bytes.Buffer
	kept tool.Kept
}

func (m *memory) Write(b []byte) (int, error) {
	if err := m.kept.Add(2 * len(b)); err != nil {
		return 0, err
	}
	return m.Buffer.Write(b)
}
