package tool

import (
	"bufio"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMemoryLeft(t *testing.T) {
	for name, row := range map[string]struct {
		files map[string]string
		want  int64
	}{
		"the machine": {map[string]string{"proc/meminfo": "MemTotal: 100 kB\nMemAvailable:   64 kB\n"}, 64 << 10},
		"cgroup v2":   {map[string]string{"proc/meminfo": "MemAvailable: 64 kB\n", "sys/fs/cgroup/memory.max": "5000\n", "sys/fs/cgroup/memory.current": "4000\n"}, 1000},
		"no limit":    {map[string]string{"proc/meminfo": "MemAvailable: 64 kB\n", "sys/fs/cgroup/memory.max": "max\n", "sys/fs/cgroup/memory.current": "4000\n"}, 64 << 10},
		"cgroup v1":   {map[string]string{"proc/meminfo": "MemAvailable: 64 kB\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "5000\n", "sys/fs/cgroup/memory/memory.usage_in_bytes": "6000\n"}, 0},
		"files in v2": {map[string]string{
			"proc/meminfo": "MemAvailable: 64 kB\n", "sys/fs/cgroup/memory.max": "5000\n", "sys/fs/cgroup/memory.current": "4900\n",
			"sys/fs/cgroup/memory.stat": "anon 900\nfile 4000\ninactive_file 3000\nactive_file 1000\n",
		}, 4100},
		"files in v1": {map[string]string{
			"proc/meminfo": "MemAvailable: 64 kB\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "5000\n", "sys/fs/cgroup/memory/memory.usage_in_bytes": "5000\n",
			"sys/fs/cgroup/memory/memory.stat": "inactive_file 1\ntotal_inactive_file 2000\ntotal_active_file 10\n",
		}, 2010},
	} {
		root := t.TempDir() + "/"
		for file, text := range row.files {
			if err := errors.Join(os.MkdirAll(filepath.Dir(root+file), 0o700), os.WriteFile(root+file, []byte(text), 0o600)); err != nil {
				t.Fatal(err)
			}
		}
		if got := memoryLeft(root); got != row.want {
			t.Errorf("%s: %d bytes, want %d", name, got, row.want)
		}
	}
}

func TestKept(t *testing.T) {
	k := Kept{room: 2 * ignored}
	if err := errors.Join(k.Add(ignored), k.Add(ignored)); err != nil {
		t.Error(err)
	}
	if err := k.Add(1); err == nil || !strings.Contains(err.Error(), "32 MiB may be used") {
		t.Errorf("%v", err)
	}
	if err := k.Add(-1); err != nil {
		t.Error(err)
	}
}

func TestReadRecord(t *testing.T) {
	long := strings.Repeat("x", 100)
	b := bufio.NewReaderSize(strings.NewReader("a\n"+long+"\n\n"+long), 16)
	for _, want := range []string{"a\n", long + "\n", "\n"} {
		if record, err := ReadRecord(b, '\n'); string(record) != want || err != nil {
			t.Errorf("%q, %v, want %q", record, err, want)
		}
	}
	if record, err := ReadRecord(b, '\n'); string(record) != long || !errors.Is(err, io.EOF) {
		t.Errorf("%q, %v at the end", record, err)
	}
}
