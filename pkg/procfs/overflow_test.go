//go:build linux

package procfs

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestOverflowUID(t *testing.T) {
	for text, want := range map[string]uint32{
		"65534\n": 65534, "99\n": 99, "4294967294\n": 4294967294,
		"": 65534, "x\n": 65534, "-1\n": 65534, strings.Repeat("9", 5000): 65534,
	} {
		file := filepath.Join(t.TempDir(), "overflowuid")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := overflowUID(file); got != want {
			t.Errorf("%.10q: %d, want %d", text, got, want)
		}
	}
	if got := overflowUID(filepath.Join(t.TempDir(), "none")); got != 65534 {
		t.Errorf("without the file: %d", got)
	}
	text, err := os.ReadFile("/proc/sys/kernel/overflowuid")
	if err != nil {
		t.Fatal(err)
	}
	if want, err := strconv.Atoi(strings.TrimSpace(string(text))); err != nil || OverflowUID() != uint32(want) {
		t.Errorf("this kernel's is %d, want %d, %v", OverflowUID(), want, err)
	}
}
