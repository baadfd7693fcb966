package toolbox

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

func TestNetworkTools(t *testing.T) {
	bin := unpack(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/moved":
			http.Redirect(w, r, "/", http.StatusFound)
		case "/missing":
			http.NotFound(w, r)
		default:
			body := new(strings.Builder)
			_, _ = fmt.Fprintf(body, "%s %s %s", r.Method, r.URL, r.Header.Get("X"))
			fmt.Fprintln(w, body)
		}
	}))
	defer server.Close()
	secure := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "secret") }))
	defer secure.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			fmt.Fprintln(conn, "hello")
			conn.Close()
		}
	}()
	port := strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
	for _, row := range []struct{ command, want string }{
		{"curl -s URL/x?y", `^GET /x\?y \n\nstatus 0$`},
		{"curl -sd a=b -H 'X: z' URL", `^POST / z\n`},
		{"curl -sI URL", `^HTTP/1.1 200 OK\r\n`},
		{"curl -si URL | head -1", `^HTTP/1.1 200 OK\r\n`},
		{"curl -so /dev/null -w '%{http_code}\\n' URL/missing", `^404\n\nstatus 0$`},
		{"curl -sf URL/missing", `status 22$`},
		{"curl -sL URL/moved", `^GET / \n`},
		{"curl -s -X PUT URL", `^PUT / \n`},
		{"curl -v URL 2>&1 | grep '^[<>]' | head -1", `^> GET / HTTP/1.1\n`},
		{"curl SECURE", `curl: \(60\) .*\n\nstatus 60$`},
		{"curl -sk SECURE", `^secret\n`},
		{"curl http://127.0.0.1:1", `curl: \(7\) .*connection refused\n\nstatus 7$`},
		{"curl nonsense://x", `status 1$`},
		{"curl -s http://:/", `status 3$`},
		{"curl -s -o /dev/null -w '%{http_code} %{exitcode}\n' http://127.0.0.1:1", `^000 7\n\nstatus 7$`},
		{"echo '%{http_code}' >f; curl -so /dev/null -w @f URL", `^200\n`},
		{"curl -so /dev/null -w '%{num_redirects} %{url_effective} %header{content-type} %{size_download} %{num_connects}' -L URL/moved", `^1 URL/ text/plain; charset=utf-8 7 1\n`},
		{"curl -so /dev/null -w '%{redirect_url}' URL/moved", `^URL/\n`},
		{"curl -so /dev/null -w '%{json}' URL | jq -c '[.http_code,.method,.remote_ip,.exitcode]'", `^\[200,"GET","127.0.0.1",0\]\n`},
		{"curl -s --connect-to ::127.0.0.1:PORT http://nosuch.example/ 2>&1 | head -c5", `^(hello|)\n`},
		{"curl -s --resolve nosuch.example:80:127.0.0.1 http://nosuch.example/ 2>&1; echo $?", `^7\n`},
		{"curl -so /dev/null -w '%{http_code}' --connect-to 'x.example:80:URLHOST' http://x.example/", `^200\n`},
		{"curl -s --create-dirs --output-dir a/b -o c URL && cat a/b/c", `^GET / \n`},
		{"curl -s --url-query 'a=b c' URL/x", `^GET /x\?a=b%20c \n`},
		{"curl --proto =https URL", `status 1$`},
		{"curl -s --retry 2 --retry-delay 0.01 --retry-connrefused -S http://127.0.0.1:1 2>&1 | grep -c 'trying again'", `^2\n`},
		{"curl -V | head -1", `^curl `},
		{"wget -qO- URL", `^GET / \n`},
		{"nc 127.0.0.1 PORT", `^hello\n\nstatus 0$`},
		{"nc -zv 127.0.0.1 PORT", `succeeded!\n\nstatus 0$`},
		{"nc -z 127.0.0.1 1", `status 1$`},
		{"nc -lU sock >got & until (sleep 0.3; echo sent) | nc -q 0 -U sock 2>/dev/null; do :; done; wait; cat got", `^sent\n`},
		{"openssl s_client -connect ADDRESS </dev/null", `(?s)CONNECTED\(.*\nServer certificate\n-----BEGIN CERTIFICATE.*\nsubject=O=Acme Co\nissuer=O=Acme Co\n.*New, TLSv1.3, Cipher is TLS_AES_.*Verify return code: \d+ \(`},
		{"openssl s_client -connect ADDRESS </dev/null 2>/dev/null | openssl x509 -noout -subject -dates", `subject=O=Acme Co\nnotBefore=.* GMT\nnotAfter=.* GMT\n`},
		{"openssl s_client ADDRESS </dev/null | openssl x509 -text -noout", `(?s)Certificate:.*Subject Alternative Name: .*DNS:example.com`},
		{"ss -tln", `(?m)^LISTEN +0 +\d+ +127\.0\.0\.1:PORT +0\.0\.0\.0:\*`},
		{"ss -tlnp", `127\.0\.0\.1:PORT .*users:\(\("toolbox.test",pid=\d+,fd=\d+\)\)`},
		{"ss -H -tan | head -1", `^[A-Z]`},
		{"ss -Htln 'sport = :PORT'", `^LISTEN +0 +\d+ +127\.0\.0\.1:PORT .*\n\nstatus 0$`},
		{"ss -Htln sport = :PORT or sport = :1", `^LISTEN .*:PORT .*\n\nstatus 0$`},
		{"ss -Htln '( sport = :PORT and src 127.0.0.1 )'", `^LISTEN .*:PORT .*\n\nstatus 0$`},
		{"ss -Htln sport = :PORT and src 127.0.0.2; ss -Htln sport != :PORT and sport = :PORT; ss -Htn dport = :PORT", `^\nstatus 0$`},
		{"ss -Htn state listening src 127.0.0.1:PORT", `^0 .*:PORT .*\n\nstatus 0$`},
		{"ss -tln sport", `needs a value\n\nstatus 255$`},
		{"ss -tln nonsense 1", `unknown word "nonsense" in the filter`},
		{"netstat -tln", `(?m)^tcp +0 +\d+ +127\.0\.0\.1:PORT +0\.0\.0\.0:\* +LISTEN`},
		{"lsof -i :1", `^\nstatus 1$`},
		{"lsof -iTCP:PORT", `TCP 127`},
		{"lsof -iUDP:PORT", `^\nstatus 1$`},
		{"lsof -i :PORT", `(?m)^toolbox.t +\d+ .* IPv4 .* TCP 127\.0\.0\.1:PORT \(LISTEN\)`},
		{"lsof -t -i :PORT", `^\d+\n`},
		{"lsof -p $$ | head -1", `^COMMAND +PID +USER +FD +TYPE`},
		{"ip -br addr show lo", `^lo +\S+ +127\.0\.0\.1/8`},
		{"ip a", `(?m)^1: lo: <LOOPBACK,UP.*\n    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00\n    inet 127\.0\.0\.1/8 scope host lo$`},
		{"ip -4 route get 127.0.0.1", `^local 127\.0\.0\.1 dev lo `},
		{"ip link show dev lo", `^1: lo: `},
		{"ip link show dev nosuch", `no device "nosuch"\n\nstatus 1$`},
		{"ping -c2 -i 0.1 127.0.0.1", `(?s)64 bytes from 127\.0\.0\.1: icmp_seq=1 ttl=64 time=\S+ ms\n.*2 packets transmitted, 2 received, 0% packet loss, time \d+ms\nrtt`},
		{"ping -qc1 ::1 || ping -qc1 127.0.0.1", `1 received, 0% packet loss`},
		{"traceroute --help", `Usage|usage|status`},
	} {
		replace := strings.NewReplacer("URLHOST", server.Listener.Addr().String(), "URL", server.URL, "SECURE", secure.URL, "ADDRESS", secure.Listener.Addr().String(), "PORT", port)
		cmd := exec.Command(filepath.Join(bin, "sh"), "-c", replace.Replace(row.command))
		cmd.Dir, cmd.Env = t.TempDir(), []string{"PATH=" + bin}
		if got := run(t, cmd); !regexp.MustCompile(replace.Replace(row.want)).MatchString(got) {
			t.Errorf("%s\nprints %q\nwant   %q", row.command, got, row.want)
		}
	}
}
