package certs

import (
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// A FIFO among the certificates is not waited for.
func TestRootsAreReadWithoutWaiting(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mkfifo(filepath.Join(dir, "a"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SSL_CERT_FILE", filepath.Join(dir, "a"))
	t.Setenv("SSL_CERT_DIR", dir)
	if pool := SystemRoots(); pool == nil {
		t.Error("there is no pool")
	}
}
