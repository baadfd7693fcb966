package web

import (
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

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

// With -J, the server's name is no reason to overwrite a file, or to follow a link.
func TestCurlNameOfTheServer(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Disposition", "attachment; filename="+strings.TrimPrefix(r.URL.Path, "/"))
		_, _ = io.WriteString(w, "of the server")
	}))
	t.Cleanup(s.Close)
	t.Chdir(t.TempDir())
	if err := errors.Join(os.WriteFile("own", []byte("own"), 0o600), os.Symlink("target", "link")); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name, file, want string
		status           int
	}{
		{"own", "own", "own", 23},
		{"link", "target", "", 23},
		{"new", "new", "of the server", 0},
		{"new", "new", "of the server", 23},
	} {
		_, status := tooltest.Stderr(t, func() int { return Curl([]string{"-sOJ", s.URL + "/" + row.name}) })
		if text, _ := os.ReadFile(row.file); string(text) != row.want || status != row.status {
			t.Errorf("%s: status %d, %s has %q", row.name, status, row.file, text)
		}
	}
}

// --tls-max asks for a version that is not used without it.
func TestCurlOldTLS(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, tls.VersionName(r.TLS.Version))
	}))
	s.TLS = &tls.Config{MinVersion: tls.VersionTLS10} //nolint:gosec // what is tested
	s.StartTLS()
	t.Cleanup(s.Close)
	for version, want := range map[string]string{"1.1": "TLS 1.1", "1.2": "TLS 1.2", "1.3": "TLS 1.3"} {
		if text, status := tooltest.Stdout(t, func() int { return Curl([]string{"-sk", "--tls-max", version, s.URL}) }); text != want || status != 0 {
			t.Errorf("--tls-max %s: status %d, %q, want %q", version, status, text, want)
		}
	}
}

// Another port of the same host is another server: it gets no password.
func TestCurlKeepsSecrets(t *testing.T) {
	shows := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "<"+r.Header.Get("Authorization")+"><"+r.Header.Get("Cookie")+">")
	})
	other := httptest.NewServer(shows)
	t.Cleanup(other.Close)
	first := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/other":
			http.Redirect(w, r, other.URL, http.StatusFound)
		case "/same":
			http.Redirect(w, r, "/shows", http.StatusFound)
		default:
			shows(w, r)
		}
	}))
	t.Cleanup(first.Close)
	for _, row := range []struct {
		args, want string
	}{
		{"-u me:pw -H Cookie:a=b /same", "<Basic bWU6cHc=><a=b>"},
		{"-u me:pw -H Cookie:a=b /other", "<><>"},
		{"-H Authorization:x -b c=d /other", "<><c=d>"},
		{"--oauth2-bearer token /other", "<><>"},
	} {
		args := append([]string{"-sL"}, strings.Fields(row.args)...)
		args[len(args)-1] = first.URL + args[len(args)-1]
		if text, status := tooltest.Stdout(t, func() int { return Curl(args) }); text != row.want || status != 0 {
			t.Errorf("curl %q prints %q, status %d, want %q", args, text, status, row.want)
		}
	}
}
