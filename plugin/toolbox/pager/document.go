package pager

import (
	"bytes"
	"errors"
	"io"
	"os"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

const (
	blockSize = 64 << 10 // bytes that are read at once
	blocks    = 64       // of a file that are kept in memory
	longest   = 1 << 20  // a line ends at a multiple of this, if as many bytes before it have no end of a line
)

// document is a text. Of a file, only some blocks are in memory, whatever its size. All of a stream is kept, and no more of
// it is read than is needed.
type document struct {
	name   string
	file   *os.File
	stream bool
	size   int64 // of what is there
	ended  bool  // a stream has no more

	cache map[int64][]byte // a file's blocks
	order []int64          // of the blocks that are kept, the oldest first

	chunks [][]byte // a stream's blocks
	kept   tool.Kept
	failed error
	ask    chan bool
	asked  bool
	parts  chan part
	Ready  chan struct{} // a part has come

	counts []int64 // the ends of lines before each block, as far as they were counted
}

// part is what was read of a stream.
type part struct {
	data []byte
	err  error
}

// newDocument makes a document of a file. A file of /proc has no size, and is a stream.
func newDocument(name string, file *os.File) *document {
	d := &document{name: name, file: file, cache: make(map[int64][]byte)}
	info, err := file.Stat()
	if err == nil && info.Mode().IsRegular() && info.Size() > 0 {
		d.size, d.ended = info.Size(), true
		return d
	}
	d.stream = true
	d.ask, d.parts, d.Ready = make(chan bool, 1), make(chan part, 1), make(chan struct{}, 1)
	go func() {
		for range d.ask {
			buf := make([]byte, blockSize)
			n, err := file.Read(buf)
			d.parts <- part{buf[:n], err}
			d.Ready <- struct{}{}
		}
	}()
	return d
}

// text is a document with a text of its own.
func text(name, content string) *document {
	d := &document{name: name, stream: true, ended: true}
	d.add([]byte(content))
	return d
}

// want asks for more of a stream, without waiting.
func (d *document) want() {
	if !d.ended && !d.asked {
		d.asked = true
		d.ask <- true
	}
}

// take takes the part that has come, if there is one.
func (d *document) take() {
	select {
	case p := <-d.parts:
		d.asked = false
		d.add(p.data)
		if p.err == nil {
			p.err = d.kept.Add(len(p.data))
		}
		if p.err != nil {
			d.ended = true
			if !errors.Is(p.err, io.EOF) {
				d.failed = p.err
			}
		}
	default:
	}
}

// add appends to a stream.
func (d *document) add(data []byte) {
	d.size += int64(len(data))
	for len(data) > 0 {
		last := len(d.chunks) - 1
		if last < 0 || len(d.chunks[last]) == blockSize {
			d.chunks = append(d.chunks, nil)
			last++
		}
		n := min(len(data), blockSize-len(d.chunks[last]))
		d.chunks[last] = append(d.chunks[last], data[:n]...)
		data = data[n:]
	}
}

// refresh looks whether a file has grown, or has become shorter.
func (d *document) refresh() (changed bool) {
	if d.stream || d.file == nil {
		return false
	}
	info, err := d.file.Stat()
	if err != nil || info.Size() == d.size {
		return false
	}
	from := min(d.size, info.Size()) / blockSize
	d.size = info.Size()
	for at := range d.cache {
		if at >= from {
			delete(d.cache, at)
		}
	}
	d.counts = d.counts[:min(int64(len(d.counts)), from+1)]
	return true
}

// block returns a block, which is shorter at the end.
func (d *document) block(at int64) []byte {
	if at < 0 || at*blockSize >= d.size {
		return nil
	}
	if d.stream {
		return d.chunks[at]
	}
	if b, ok := d.cache[at]; ok {
		return b
	}
	if len(d.order) >= blocks {
		delete(d.cache, d.order[0])
		d.order = d.order[1:]
	}
	b := make([]byte, min(blockSize, d.size-at*blockSize))
	n, err := d.file.ReadAt(b, at*blockSize)
	if err != nil && n < len(b) { // it has become shorter, or can't be read: the rest is empty
		b = b[:n]
		d.size = at*blockSize + int64(n)
	}
	d.cache[at] = b
	d.order = append(d.order, at)
	return b
}

// lineEnd returns where the line that begins at an offset ends, behind its newline.
func (d *document) lineEnd(from int64) int64 {
	for at := from; at < d.size; {
		b := d.block(at / blockSize)
		if int64(len(b)) <= at%blockSize {
			break
		}
		b = b[at%blockSize:]
		if n := bytes.IndexByte(b, '\n'); n >= 0 {
			return at + int64(n) + 1
		}
		at += int64(len(b))
		if at%longest == 0 && d.broken(at) {
			return at
		}
	}
	return d.size
}

// broken reports whether a line that is too long ends at a multiple of longest.
func (d *document) broken(at int64) bool {
	for i := range int64(longest / blockSize) {
		if b := d.block(at/blockSize - 1 - i); at < longest || bytes.IndexByte(b, '\n') >= 0 {
			return false
		}
	}
	return true
}

// lineStart returns where the line begins that the byte before an offset belongs to.
func (d *document) lineStart(end int64) int64 {
	at := end - 1 // a newline there is the line's own
	for at > 0 {
		if at%longest == 0 && d.broken(at) {
			return at
		}
		begin := (at - 1) / blockSize * blockSize
		b := d.block(begin / blockSize)
		b = b[:min(int64(len(b)), at-begin)]
		if n := bytes.LastIndexByte(b, '\n'); n >= 0 {
			return begin + int64(n) + 1
		}
		at = begin
	}
	return 0
}

// line returns a line without its end, which is CR and LF or only that.
func (d *document) line(from, end int64) []byte {
	if n := from % blockSize; end-from <= blockSize-n {
		b := d.block(from / blockSize)
		if int64(len(b)) < n+end-from {
			return nil
		}
		return trimEnd(b[n : n+end-from])
	}
	out := make([]byte, 0, end-from)
	for at := from; at < end; {
		b := d.block(at / blockSize)
		n := at % blockSize
		if int64(len(b)) <= n {
			break
		}
		b = b[n:min(int64(len(b)), n+end-at)]
		out = append(out, b...)
		at += int64(len(b))
	}
	return trimEnd(out)
}

func trimEnd(line []byte) []byte {
	if n := len(line); n > 0 && line[n-1] == '\n' {
		line = line[:n-1]
		if n > 1 && line[n-2] == '\r' {
			line = line[:n-2]
		}
	}
	return line
}

// number returns the number of the line at an offset, or false if counting was interrupted.
func (d *document) number(offset int64, interrupted func() bool) (int64, bool) {
	if len(d.counts) == 0 {
		d.counts = []int64{0}
	}
	last := offset / blockSize
	for int64(len(d.counts)) <= last {
		at := int64(len(d.counts)) - 1
		d.counts = append(d.counts, d.counts[at]+int64(bytes.Count(d.block(at), []byte{'\n'})))
		if at%256 == 0 && interrupted() {
			return 0, false
		}
	}
	b := d.block(last)
	return d.counts[last] + int64(bytes.Count(b[:min(int64(len(b)), offset%blockSize)], []byte{'\n'})) + 1, true
}

// find returns where a line with a number begins, or the end.
func (d *document) find(number int64, interrupted func() bool) (int64, bool) {
	at := int64(0)
	for at*blockSize < d.size { // the block that it begins in
		if int64(len(d.counts)) <= at+1 {
			if _, ok := d.number((at+1)*blockSize, interrupted); !ok {
				return 0, false
			}
		}
		if d.counts[at+1] >= number-1 {
			break
		}
		at++
	}
	if number <= 1 {
		return 0, true
	}
	left := number - 1 - d.counts[min(at, int64(len(d.counts)-1))]
	b := d.block(at)
	offset := at * blockSize
	for left > 0 {
		n := bytes.IndexByte(b, '\n')
		if n < 0 {
			return d.size, true
		}
		b, offset, left = b[n+1:], offset+int64(n)+1, left-1
	}
	return offset, true
}
