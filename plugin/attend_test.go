package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// failing is a stream that nobody reads after some writes.
type failing struct {
	strings.Builder
	left int
}

func (f *failing) Write(b []byte) (int, error) {
	if f.left == 0 {
		return 0, errors.New("broken pipe")
	}
	f.left--
	return f.Builder.Write(b)
}

func TestOutletTellsOnceThatNobodyReads(t *testing.T) {
	told := make(chan struct{}, 10)
	to := &failing{left: 2}
	o := &outlet{to: to, failed: func() { told <- struct{}{} }}
	for _, text := range []string{"a", "b", "c", "d", "e"} {
		if n, err := o.Write([]byte(text)); n != 1 || err != nil {
			t.Errorf("write %q: %d, %v; the rest has to be drained", text, n, err)
		}
	}
	if to.String() != "ab" {
		t.Errorf("%q arrived", to.String())
	}
	select {
	case <-told:
	case <-time.After(20 * time.Second):
		t.Fatal("the command isn't told")
	}
	if len(told) > 0 {
		t.Error("it is told again")
	}
}

func TestHostEnvironmentIsClean(t *testing.T) {
	got := strings.Join(hostEnvironment([]string{"SECRET=1", "TERM=vt100", "PATH=/mine", "TERMINFO=/x", "COLORTERM=truecolor"}), " ")
	if want := "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root USER=root LOGNAME=root TERM=vt100 COLORTERM=truecolor"; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

// What a stream is decides whether anything is sent of it, and whether two are one.
func TestStreamsAreToldApart(t *testing.T) {
	open := func(path string) *os.File {
		t.Helper()
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	dir := t.TempDir()
	null, file, again, other := open(os.DevNull), open(filepath.Join(dir, "a")), open(filepath.Join(dir, "a")), open(filepath.Join(dir, "b"))
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	for name, f := range map[string]*os.File{"file": file, "pipe": r, "pipe's other end": w} {
		if isNull(f) {
			t.Errorf("a %s is the null device", name)
		}
		if sameFile(f, null) {
			t.Errorf("a %s is the same file as the null device", name)
		}
	}
	if !isNull(null) {
		t.Error("the null device isn't")
	}
	if !sameFile(file, again) || sameFile(file, other) || sameFile(file, r) {
		t.Errorf("the same file: %t, another: %t, a pipe: %t; want the first alone",
			sameFile(file, again), sameFile(file, other), sameFile(file, r))
	}
}
