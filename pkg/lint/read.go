package lint

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/nsjoin/docker-nsjoin/pkg/program"
)

// facts reads as much of a file as the parser needs, and returns the facts about it.
func (c *checker) facts(file found) (program.Facts, error) {
	const rounds = 4 // head, dynamic section, string table
	f := program.File{Size: file.size}
	for range rounds {
		facts, err := c.parser.Program(f)
		if err != nil || len(facts.Need) == 0 {
			return facts, err
		}
		chunks, err := c.readParts(file, facts.Need)
		if err != nil {
			return program.Facts{}, err
		}
		f.Chunks = append(f.Chunks, chunks...)
	}
	return program.Facts{}, &pathError{file.path, "has changed while it was read", nil}
}

// readParts reads parts of a file, which is a stream. The parser has bounded them.
func (c *checker) readParts(file found, parts []program.Range) ([]program.Chunk, error) {
	stream, err := c.files.Open(c.ctx, file.path)
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	sorted := slices.SortedFunc(slices.Values(parts), func(a, b program.Range) int { return cmp.Compare(a.Offset, b.Offset) })
	var (
		chunks []program.Chunk
		at     int64
	)
	for _, part := range sorted {
		if part.Offset < at {
			return nil, &pathError{file.path, "would have to be read twice", nil}
		}
		data := make([]byte, part.Length)
		_, err := io.CopyN(io.Discard, stream, part.Offset-at)
		if err == nil {
			_, err = io.ReadFull(stream, data)
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return nil, &pathError{file.path, "has become shorter while it was read", nil}
		case err != nil:
			return nil, &unreadableError{fmt.Errorf("read %s: %w", file.path, err)}
		}
		at = part.Offset + part.Length
		chunks = append(chunks, program.Chunk{Offset: part.Offset, Data: data})
	}
	return chunks, nil
}

// unreadableError says that the content of one file did not come.
type unreadableError struct{ error }

func (e *unreadableError) Unreadable() bool { return true }
