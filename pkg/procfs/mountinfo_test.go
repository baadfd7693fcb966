//go:build linux

package procfs_test

import (
	"os"
	"strings"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
)

func TestParseMount(t *testing.T) {
	m, err := procfs.ParseMount(`36 35 98:0 /mnt1\134040 /mnt\0402 ro,noatime shared:1 master:2 - ext3 /dev/ro\011ot rw,errors=continue`)
	if err != nil {
		t.Fatal(err)
	}
	if m.ID != 36 || m.Parent != 35 || m.Device != "98:0" || m.Root != `/mnt1\040` || m.Path != "/mnt 2" || !m.Has("ro") || m.Has("rw") ||
		!m.Shared || !m.Slave || m.Type != "ext3" || m.Source != "/dev/ro\tot" {
		t.Errorf("%+v", m)
	}
	for _, line := range []string{"", "36 35 98:0 / /", "x 35 98:0 / / rw - ext3 none rw", "36 35 98:0 / / rw", "36 35 98:0 / / rw - ext3"} {
		if _, err := procfs.ParseMount(line); err == nil {
			t.Errorf("%q is no error", line)
		}
	}
}

func TestReadMounts(t *testing.T) {
	dir, err := procfs.Open(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	list, err := procfs.ReadMounts(dir, 1<<20)
	if err != nil || len(list) == 0 {
		t.Fatal(len(list), err)
	}
	if _, err := procfs.ReadMounts(dir, 0); err == nil || !strings.Contains(err.Error(), "more than 0 mounts") {
		t.Error(err)
	}
}
