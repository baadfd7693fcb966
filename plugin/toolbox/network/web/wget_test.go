package web

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tooltest"
)

func TestWgetContinues(t *testing.T) {
	const whole = "0123456789"
	ranges := true
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !ranges {
			r.Header.Del("Range")
		}
		http.ServeContent(w, r, "file", time.Time{}, strings.NewReader(whole))
	}))
	defer s.Close()
	t.Chdir(t.TempDir())
	for _, row := range []struct {
		has    string
		ranges bool
		want   string
	}{
		{"01234", true, whole},
		{"", true, whole},
		{whole, true, whole},
		{"abc", true, "abc3456789"},
		{"xxx", false, "xxx3456789"}, // what is there is kept, also if the server sends all of the file
		{"", false, whole},
		{whole, false, whole},
		{"longer than that", false, "longer than that"},
	} {
		ranges = row.ranges
		if err := os.WriteFile("file", []byte(row.has), 0o600); err != nil {
			t.Fatal(err)
		}
		_, status := tooltest.Stderr(t, func() int { return Wget([]string{"-c", s.URL + "/file"}) })
		if text, err := os.ReadFile("file"); status != 0 || err != nil || string(text) != row.want {
			t.Errorf("%q becomes %q, %v, status %d", row.has, text, err, status)
		}
	}
}

// What an answer without a length lacks is not known before its end. A file that is longer is kept.
func TestWgetContinuesWithoutLength(t *testing.T) {
	t.Chdir(t.TempDir())
	for has, want := range map[string]string{"abc": "abc3456789", "longer than that": "longer than that"} {
		if err := os.WriteFile("file", []byte(has), 0o600); err != nil {
			t.Fatal(err)
		}
		_, status := tooltest.Stderr(t, func() int { return Wget([]string{"-c", raw(t, "HTTP/1.0 200 OK\r\n\r\n0123456789")}) })
		if text, err := os.ReadFile("file"); status != 0 || err != nil || string(text) != want {
			t.Errorf("%q becomes %q, %v, status %d", has, text, err, status)
		}
	}
}

// Another try goes on where the one before ended, and writes nothing twice.
func TestWgetTriesAgain(t *testing.T) {
	const whole = "0123456789"
	for _, row := range []struct {
		name, has, args, out string
		ranges               bool
	}{
		{"-c", "01", "-c -t 2", "", true},
		{"-c of a new file", "", "-c -t 2", "", true},
		{"-c without ranges", "01", "-c -t 2", "", false},
		{"a new file", "", "-t 2", "", true},
		{"standard output", "", "-t 2 -O -", whole, true},
		{"standard output without ranges", "", "-t 2 -O -", whole, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			tries := 0
			s := breaking(t, whole, row.ranges, &tries)
			t.Chdir(t.TempDir())
			if row.has != "" {
				if err := os.WriteFile("file", []byte(row.has), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			out, status := tooltest.Stdout(t, func() int { return Wget(append(append(strings.Fields(row.args), "-q"), s+"/file")) })
			if row.out == "" {
				text, _ := os.ReadFile("file")
				out = string(text)
			}
			if out != whole || status != 0 || tries != 2 {
				t.Errorf("%q after %d tries, status %d", out, tries, status)
			}
		})
	}
}

// breaking serves a text, whose first answer ends too early.
func breaking(t *testing.T, whole string, ranges bool, tries *int) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from := 0
		if *tries++; ranges && r.Header.Get("Range") != "" {
			if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from); err != nil {
				t.Error(err)
			}
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(whole)-1, len(whole)))
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(whole)-from))
		if from > 0 {
			w.WriteHeader(http.StatusPartialContent)
		}
		text := whole[from:]
		if *tries == 1 {
			text = text[:5]
		}
		_, _ = io.WriteString(w, text)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// A file may have the name that means standard output elsewhere.
func TestWgetOfADash(t *testing.T) {
	t.Chdir(t.TempDir())
	url := strings.TrimSuffix(raw(t, "HTTP/1.0 200 OK\r\n\r\ntext"), "file") + "-"
	out, status := tooltest.Stdout(t, func() int { return Wget([]string{"-q", url}) })
	if text, err := os.ReadFile("-"); out != "" || status != 0 || err != nil || string(text) != "text" {
		t.Errorf("status %d, it prints %q, the file has %q, %v", status, out, text, err)
	}
}

// raw serves answers as they are.
func raw(t *testing.T, answer string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_, _ = http.ReadRequest(bufio.NewReader(conn))
				if answer != "" {
					_, _ = conn.Write([]byte(answer))
					return
				}
				_, _ = conn.Write([]byte("HTTP/1.1 200 OK\r\n")) // and a header without end
				for i := 0; ; i++ {
					if _, err := fmt.Fprintf(conn, "X-%d: %s\r\n", i, strings.Repeat("x", 1000)); err != nil {
						return
					}
				}
			}()
		}
	}()
	return "http://" + l.Addr().String() + "/file"
}

// Servers that nobody should trust: nothing of theirs reaches the terminal as a command, and none makes a client wait or grow
// for ever, or read a file of this machine.
func TestHostileServers(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	escapes := "HTTP/1.1 500 \x1b[2Jgone\r\nX: \x9b2J\r\nContent-Length: 0\r\n\r\n"
	for _, row := range []struct {
		name   string
		main   func([]string) int
		args   string
		answer string
		status int
	}{
		{"escapes for curl -v", Curl, "-sSv -o out", escapes, 0},
		{"escapes for curl -f", Curl, "-sSf --retry 1 --retry-delay 0.01", escapes, 22},
		{"escapes for wget -S", Wget, "-S", escapes, 8},
		{"an endless header", Curl, "-sS", "", 56},
		{"an endless header for wget", Wget, "", "", 4},
		{"a file of this machine", Curl, "-sSL", "HTTP/1.1 302 Found\r\nLocation: file://" + secret + "\r\nContent-Length: 0\r\n\r\n", 1},
		{"a file of this machine for wget", Wget, "", "HTTP/1.1 302 Found\r\nLocation: file://" + secret + "\r\nContent-Length: 0\r\n\r\n", 1},
		{"another protocol", Curl, "-sSL", "HTTP/1.1 302 Found\r\nLocation: gopher://127.0.0.1/\x1b[2J\r\nContent-Length: 0\r\n\r\n", 1},
		{"a login", Wget, "", "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", 6},
		{"no answer of HTTP", Curl, "-sS", "\x1b[2J\r\n\r\n", 56},
	} {
		var out string
		text, status := tooltest.Stderr(t, func() int {
			var status int
			out, status = tooltest.Stdout(t, func() int { return row.main(append(strings.Fields(row.args), raw(t, row.answer))) })
			return status
		})
		if status != row.status && (row.name != "another protocol" || status == 0) {
			t.Errorf("%s: status %d, want %d, %q", row.name, status, row.status, text)
		}
		if strings.ContainsAny(text, "\x1b\u009b") || strings.Contains(text, "\x9b") || strings.Contains(out+text, "secret") && !strings.Contains(text, "/secret") || strings.Contains(out, "secret") {
			t.Errorf("%s: it prints %q and %q", row.name, out, text)
		}
	}
}
