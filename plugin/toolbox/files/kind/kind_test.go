package kind

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzContent looks at files that may be anything.
func FuzzContent(f *testing.F) {
	if program, err := os.ReadFile("/proc/self/exe"); err == nil {
		f.Add(program[:min(len(program), 64<<10)])
	}
	for _, text := range []string{"", "\x7fELF", "\x7fELF\x02\x01\x01", "#!", "#! /usr/bin/env  x\n", "{", "[1]", "\x1f\x8b\x08", "a\r\nb\rc\n\x1b[m", "é\n", "\xff\n"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if k := look(path, false); k.text == "" || k.mime == "" || strings.ContainsAny(k.text, "\n\x1b") {
			t.Errorf("%q is %+v", text, k)
		}
	})
}

func TestContent(t *testing.T) {
	for text, want := range map[string]string{
		"#!/usr/bin/env python3\n": "Python script, ASCII text executable", "#!/opt/x y\n": "a /opt/x y script, ASCII text executable",
		"<?xml version='1.0'?>\n": "XML 1.0 document, ASCII text", "a\r\nb\n": "ASCII text, with CRLF, LF line terminators", "\x00": "data", "BZh9": "bzip2 compressed data",
		"\x7fELF": "ELF (damaged)", "{\"a\": 1}": "JSON text data", "\xe9t\xe9\n": "ISO-8859 text",
	} {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := look(path, false).text; got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}
