package network

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tooltest"
)

func server(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/missing":
			http.NotFound(w, r)
		case "/cut":
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "part")
		default:
			body, _ := io.ReadAll(r.Body)
			_, _ = io.WriteString(w, r.URL.Path+" "+r.Header.Get("Content-Type")+" "+r.Header.Get("Accept")+" "+string(body)+"\n")
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// What fails with an HTTP error leaves an existing file as it is, and makes none.
func TestFailuresKeepFiles(t *testing.T) {
	url := server(t)
	t.Chdir(t.TempDir())
	for _, row := range []struct {
		name string
		call func() int
	}{
		{"curl -f -o missing", func() int { return Curl([]string{"-sf", "-o", "missing", url + "/missing"}) }},
		{"curl -fO", func() int { return Curl([]string{"-sfO", url + "/missing"}) }},
		{"wget", func() int { return Wget([]string{"-q", url + "/missing"}) }},
		{"wget -O missing", func() int { return Wget([]string{"-q", "-O", "missing", url + "/missing"}) }},
	} {
		if err := os.WriteFile("missing", []byte("kept"), 0o600); err != nil {
			t.Fatal(err)
		}
		if row.call() == 0 {
			t.Errorf("%s succeeds", row.name)
		}
		if text, err := os.ReadFile("missing"); err != nil || string(text) != "kept" {
			t.Errorf("%s: the file has %q, %v", row.name, text, err)
		}
		if err := os.Remove("missing"); err != nil {
			t.Fatal(err)
		}
		row.call()
		if list, _ := filepath.Glob("*"); len(list) > 0 {
			t.Errorf("%s makes %q", row.name, list)
			_ = os.Remove("missing")
		}
	}
}

// wget does not overwrite a file that it was not told to write.
func TestWgetTakesAnUnusedName(t *testing.T) {
	url := server(t)
	t.Chdir(t.TempDir())
	if err := os.WriteFile("file", []byte("kept"), 0o600); err != nil {
		t.Fatal(err)
	}
	if status := Wget([]string{"-q", url + "/file"}); status != 0 {
		t.Fatalf("status %d", status)
	}
	kept, _ := os.ReadFile("file")
	got, _ := os.ReadFile("file.1")
	if string(kept) != "kept" || !strings.HasPrefix(string(got), "/file ") {
		t.Errorf("file has %q, file.1 %q", kept, got)
	}
}

// A part of an answer is removed after the last try too.
func TestWgetLeavesNoPart(t *testing.T) {
	url := server(t)
	t.Chdir(t.TempDir())
	for _, tries := range []string{"1", "2", "3"} {
		if status := Wget([]string{"-q", "-t", tries, url + "/cut"}); status == 0 {
			t.Error("it succeeds")
		}
		if left, err := os.ReadDir("."); err != nil || len(left) > 0 {
			t.Errorf("after %s tries: %v, %v", tries, left, err)
		}
	}
}

func TestCurlOptions(t *testing.T) {
	url := server(t)
	t.Chdir(t.TempDir())
	for _, row := range []struct {
		args   []string
		want   string
		status int
	}{
		{[]string{"--json", `{"a":1}`, url}, "^/ application/json application/json {\"a\":1}\n$", 0},
		{[]string{"--noproxy", "*", "-x", "127.0.0.1:1", url}, "^/ ", 0},
		{[]string{"--noproxy", "example", "-x", "127.0.0.1:1", url}, "^$", 7},
		{[]string{"-o", "/dev/null", "-w", `%{http_code} %{time_connect} %{time_starttransfer} %{http_version}%%\n`, url}, `^200 \d\.\d{6} 0\.\d{6} 1\.1%\n$`, 0},
		{[]string{"-o", "a", "-o", "b", url + "/1", url + "/2"}, "^$", 0},
		{[]string{"-c", "jar", url}, "^$", 2},
		{[]string{"-b", "jar", url}, "^$", 2},
	} {
		text, status := tooltest.Stdout(t, func() int { return Curl(append([]string{"-s"}, row.args...)) })
		if !regexp.MustCompile(row.want).MatchString(text) || status != row.status {
			t.Errorf("curl %q prints %q, status %d", row.args, text, status)
		}
	}
	if b, _ := os.ReadFile("b"); !strings.HasPrefix(string(b), "/2 ") {
		t.Errorf("the second file has %q", b)
	}
}

// A FIFO among the certificates is not waited for.
func TestRootsAreReadWithoutWaiting(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mkfifo(filepath.Join(dir, "a"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SSL_CERT_FILE", filepath.Join(dir, "a"))
	t.Setenv("SSL_CERT_DIR", dir)
	if pool := systemRoots(); pool == nil {
		t.Error("there is no pool")
	}
}
