package tool

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
)

// Kept counts what a tool keeps in memory. A tool runs in the container's cgroup: if it took all memory of that, the kernel
// would end processes of the container.
type Kept struct {
	n, room int64 // bytes
}

// ignored is what is kept before anybody looks how much room there is, in bytes.
const ignored = 16 << 20

// Add notes that so many more bytes are kept. It returns an error if that takes more than half of the memory that was left
// at the beginning.
func (k *Kept) Add(bytes int) error {
	return k.Set(k.n + int64(bytes))
}

// Set is as Add, with the number of bytes that are kept.
func (k *Kept) Set(bytes int64) error {
	k.n = bytes
	if k.n <= ignored {
		return nil
	}
	if k.room == 0 {
		k.room = max(ignored, memoryLeft("/")/2)
		debug.SetMemoryLimit(k.room + k.room/2)
	}
	if k.n > k.room {
		return fmt.Errorf("the input is too large to be kept in memory: %d MiB may be used, half of what is left", k.room>>20)
	}
	return nil
}

// memoryLeft returns how many bytes of memory the machine and the container's cgroup have left. root is the root directory.
func memoryLeft(root string) int64 {
	left := int64(math.MaxInt64)
	if text, err := os.ReadFile(root + "proc/meminfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if value, ok := strings.CutPrefix(line, "MemAvailable:"); ok {
				if n, err := strconv.ParseInt(strings.Fields(value)[0], 10, 64); err == nil {
					left = n << 10
				}
			}
		}
	}
	for _, files := range [][4]string{
		{"sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory.current", "sys/fs/cgroup/memory.stat", ""},
		{"sys/fs/cgroup/memory/memory.limit_in_bytes", "sys/fs/cgroup/memory/memory.usage_in_bytes", "sys/fs/cgroup/memory/memory.stat", "total_"},
	} {
		most, used := number(root+files[0]), number(root+files[1])
		if most >= 0 && used >= 0 {
			left = min(left, max(0, most-max(0, used-cached(root+files[2], files[3]))))
		}
	}
	return left
}

// cached returns how many bytes of a cgroup's memory hold parts of files, which the kernel gives back when it has to. path is
// its memory.stat, and prefix that of the lines that count the cgroups below.
func cached(path, prefix string) (n int64) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name == prefix+"inactive_file" || name == prefix+"active_file" {
			one, _ := strconv.ParseInt(value, 10, 64)
			n += one
		}
	}
	return n
}

// number returns the number in a file, or -1.
func number(path string) int64 {
	text, err := os.ReadFile(path)
	if err != nil {
		return -1
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// ReadAll is io.ReadAll, within the memory that there is.
func ReadAll(r io.Reader) ([]byte, error) {
	var kept Kept
	var text bytes.Buffer
	part := make([]byte, 64<<10)
	for {
		n, err := r.Read(part)
		text.Write(part[:n])
		if err == nil {
			err = kept.Add(2 * n) // also while the buffer grows
		}
		if errors.Is(err, io.EOF) {
			return text.Bytes(), nil
		} else if err != nil {
			return text.Bytes(), err
		}
	}
}

// ReadRecord returns the next record with the byte at its end, within the memory that there is. The last record may lack
// that byte, and comes with io.EOF. The record is valid until the next call.
func ReadRecord(b *bufio.Reader, end byte) ([]byte, error) {
	part, err := b.ReadSlice(end)
	if !errors.Is(err, bufio.ErrBufferFull) {
		return part, err
	}
	var kept Kept
	var long []byte
	for errors.Is(err, bufio.ErrBufferFull) {
		long = append(long, part...)
		if err := kept.Add(2 * len(part)); err != nil {
			return nil, err
		}
		part, err = b.ReadSlice(end)
	}
	return append(long, part...), err
}
