//go:build linux

package observe

import (
	"errors"
	"testing"

	"github.com/nsjoin/docker-nsjoin/pkg/procfs"
)

// A file system that does not answer keeps nobody waiting. One that does is waited for.
func TestFileSystemThatDoesNotAnswer(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	if err := within(1, func() error { <-release; return nil }); !errors.Is(err, ErrSilent) {
		t.Error(err)
	}
	failed := errors.New("it failed")
	if err := Answered(func() error { return failed }); !errors.Is(err, failed) {
		t.Error(err)
	}
}

func TestPathOnHost(t *testing.T) {
	list := []procfs.Mount{
		{Path: "/", Device: "8:1", Root: "/"},
		{Path: "/run", Device: "0:20", Root: "/"},
		{Path: "/var/lib/docker", Device: "8:1", Root: "/data/docker"},
		{Path: "/srv/sub", Device: "8:2", Root: "/sub"},
	}
	for _, row := range [][3]string{
		{"8:1", "/", "/"},
		{"8:1", "/etc", "/etc"},
		{"8:1", "/data/docker/volumes/v", "/data/docker/volumes/v"},
		{"0:20", "/docker.sock", "/run/docker.sock"},
		{"8:2", "/sub/file", "/srv/sub/file"},
		{"8:2", "/submarine", ""},
		{"0:99", "/", ""},
	} {
		if got := pathOnHost(list, row[0], row[1]); got != row[2] {
			t.Errorf("%s of %s: %q, want %q", row[1], row[0], got, row[2])
		}
	}
}
