//go:build linux

// Package scripts_test tests the shell scripts in this directory.
package scripts_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// scripts/images uses an installed static program. Before, it downloaded each one, since ldd's exit
// status for a static program is 1.
func TestImagesUseStaticPrograms(t *testing.T) {
	dir := t.TempDir()
	source := filepath.Join(dir, "main.go")
	write(t, source, "package main\n\nfunc main() {}\n", 0o600)
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "static"), source)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := os.Symlink("static", filepath.Join(dir, "linked")); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "script"), "#!/bin/sh\nexec true\n", 0o755)
	if err := os.Symlink("/bin/bash", filepath.Join(dir, "dynamic")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	for _, row := range []struct{ program, want string }{
		{"static", filepath.Join(dir, "static")},
		{"linked", filepath.Join(dir, "static")},
		{"script", ""},
		{"dynamic", ""},
		{"none-of-this-name", ""},
	} {
		out, err := exec.Command("./images", "--static", row.program).Output()
		if got := strings.TrimSpace(string(out)); got != row.want || (err == nil) != (row.want != "") {
			t.Errorf("%s: %q, %v; want %q", row.program, got, err, row.want)
		}
	}
}

func write(t *testing.T, file, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}
