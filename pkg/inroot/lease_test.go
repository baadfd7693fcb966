//go:build linux

package inroot_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/pkg/inroot"
)

// A container's root that has a lease on a file makes whoever opens it wait, for 45 seconds by default. Nobody waits here,
// and the error names the file. Before, it named a descriptor.
func TestFileWithALease(t *testing.T) {
	root := tree(t)
	write(t, filepath.Join(root.Name(), "etc/passwd"), "root:x:0:0::/:/bin/sh")
	holder, err := os.Open(filepath.Join(root.Name(), "etc/passwd"))
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Close()
	if _, err := unix.FcntlInt(holder.Fd(), unix.F_SETLEASE, unix.F_WRLCK); err != nil {
		t.Skip("this file system has no leases: ", err)
	}
	f, err := inroot.OpenRegular(root, "/etc/passwd")
	if !errors.Is(err, unix.EAGAIN) || !strings.Contains(err.Error(), "open /etc/passwd: ") {
		t.Errorf("%v, %v", f, err)
	}
}
