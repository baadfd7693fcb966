package sed

import (
	"os"
	"os/signal"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tooltest"
)

// A file that can't be written anew keeps what it has. A limit of the size stands for a full disk.
func TestSedKeepsAFileThatItCannotWrite(t *testing.T) {
	t.Chdir(t.TempDir())
	old := strings.Repeat("a\n", 40)
	if err := os.WriteFile("f", []byte(old), 0o600); err != nil {
		t.Fatal(err)
	}
	signal.Ignore(unix.SIGXFSZ)
	defer signal.Reset(unix.SIGXFSZ)
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 100, Max: limit.Max}); err != nil {
		t.Fatal(err)
	}
	_, status := tooltest.Call(t, "", Sed, "-i", "s/a/aaaa/", "f")
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("f")
	if left, _ := os.ReadDir("."); status == 0 || string(text) != old || err != nil || len(left) != 1 {
		t.Errorf("status %d, %q, %v, left is %v", status, text, err, left)
	}
}
