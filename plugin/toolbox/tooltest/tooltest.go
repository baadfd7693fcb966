// Package tooltest runs tools in tests.
package tooltest

import (
	"io"
	"os"
	"path/filepath"
	"testing"
)

// Call runs a tool in the working directory, with the text as its standard input. It returns what is printed and the
// status.
func Call(t *testing.T, input string, main func([]string) int, args ...string) (string, int) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "input")
	if err := os.WriteFile(file, []byte(input), 0o600); err != nil {
		t.Fatal(err)
	}
	stdin, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	old := os.Stdin
	os.Stdin = stdin
	defer func() { os.Stdin = old }()
	return Stdout(t, func() int { return main(args) })
}

// Stdout returns what is printed during a call, and the call's status.
func Stdout(t *testing.T, call func() int) (string, int) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	old := os.Stdout
	os.Stdout = w
	read := make(chan string)
	go func() {
		text, err := io.ReadAll(r)
		if err != nil {
			t.Error(err)
		}
		read <- string(text)
	}()
	status := call()
	os.Stdout = old
	w.Close()
	return <-read, status
}

// Stderr returns what is printed on standard error during a call, and the call's status.
func Stderr(t *testing.T, call func() int) (string, int) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	old := os.Stderr
	os.Stderr = w
	status := call()
	os.Stderr = old
	w.Close()
	text, _ := io.ReadAll(r)
	r.Close()
	return string(text), status
}
