//go:build linux

package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"maps"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Package dockercli replaces docker/cli's own choice of an endpoint. For the same options, variables and files, the
// Docker CLI and docker nsjoin, as a plugin and as a command of its own, send the same request to the same place.
func TestEndpointIsTheDockerCLIs(t *testing.T) {
	t.Parallel()
	e := newEndpoints(t)
	rows := []struct {
		name   string
		args   []string // global options
		env    []string
		config string // config.json
		// refused means that docker nsjoin refuses what the Docker CLI only warns of: without its configuration the
		// command could run on another engine, and without the audit records that it asks for.
		refused bool
	}{
		{name: "DOCKER_HOST", env: []string{"DOCKER_HOST=" + e.first}},
		{name: "-H", args: []string{"-H", e.second}, env: []string{"DOCKER_HOST=" + e.first}},
		{name: "--host=", args: []string{"--host=" + e.plain}},
		{name: "a host without a scheme", args: []string{"-H", strings.TrimPrefix(e.plain, "tcp://")}},
		{name: "a host with spaces", env: []string{"DOCKER_HOST= " + e.first + " "}},
		{name: "a host with a path", args: []string{"-H", e.plain + "/engine"}},
		{name: "two hosts", args: []string{"-H", e.first, "-H", e.second}},
		{name: "an unknown scheme", args: []string{"-H", "gopher://localhost"}},
		{name: "nobody listens", args: []string{"-H", "unix:///nonexistent/docker.sock"}},
		{name: "DOCKER_CONTEXT", env: []string{"DOCKER_CONTEXT=one"}},
		{name: "DOCKER_CONTEXT and DOCKER_HOST", env: []string{"DOCKER_CONTEXT=one", "DOCKER_HOST=" + e.second}},
		{name: "--context", args: []string{"--context", "two"}, env: []string{"DOCKER_CONTEXT=one", "DOCKER_HOST=" + e.first}},
		{name: "-c", args: []string{"-c", "one"}},
		{name: "--context default with DOCKER_HOST", args: []string{"--context", "default"}, env: []string{"DOCKER_HOST=" + e.second}},
		{name: "--context and -H", args: []string{"--context", "one", "-H", e.second}},
		{name: "a missing context", args: []string{"--context", "none"}},
		{name: "the current context", config: `{"currentContext":"two"}`},
		{name: "the current context and -H", args: []string{"-H", e.first}, config: `{"currentContext":"two"}`},
		{name: "the current context and DOCKER_CONTEXT", env: []string{"DOCKER_CONTEXT=one"}, config: `{"currentContext":"two"}`},
		{name: "a missing current context", config: `{"currentContext":"none"}`},
		{name: "a context with TLS", args: []string{"--context", "secret"}},
		{name: "a context with TLS that is not verified", args: []string{"--context", "careless"}},
		{name: "a configuration that is no JSON", config: `{`, env: []string{"DOCKER_HOST=" + e.first}, refused: true},
		{name: "headers", env: []string{"DOCKER_HOST=" + e.first}, config: `{"HttpHeaders":{"X-Team":"blue","x-other":"a, b"}}`},
		{name: "headers of a variable", env: []string{"DOCKER_HOST=" + e.plain, `DOCKER_CUSTOM_HEADERS=X-Day=Monday,"X-List=1,2"`}},
		{name: "headers of both", env: []string{"DOCKER_HOST=" + e.plain, "DOCKER_CUSTOM_HEADERS=X-Team=red"}, config: `{"HttpHeaders":{"X-Team":"blue"}}`},
		{name: "--tls without files", args: []string{"--tls", "-H", e.encrypted}},
		{name: "--tlsverify", args: []string{"--tlsverify", "--tlscacert", e.file("ca.pem"), "--tlscert", e.file("cert.pem"), "--tlskey", e.file("key.pem"), "-H", e.encrypted}},
		{name: "--tlsverify without its authority", args: []string{"--tlsverify", "--tlscacert", e.file("other.pem"), "--tlscert", e.file("cert.pem"), "--tlskey", e.file("key.pem"), "-H", e.encrypted}},
		{name: "DOCKER_TLS_VERIFY", env: []string{"DOCKER_HOST=" + e.encrypted, "DOCKER_TLS_VERIFY=1", "DOCKER_CERT_PATH=" + e.dir}},
		{name: "DOCKER_TLS", env: []string{"DOCKER_HOST=" + e.encrypted, "DOCKER_TLS=1", "DOCKER_CERT_PATH=" + e.dir}},
		{name: "DOCKER_TLS_VERIFY=0", env: []string{"DOCKER_HOST=" + e.encrypted, "DOCKER_TLS_VERIFY=0", "DOCKER_CERT_PATH=" + e.dir}},
		{name: "a missing certificate", args: []string{"--tls", "--tlscert", e.file("none.pem"), "-H", e.encrypted}},
		{name: "TLS for a socket", args: []string{"--tlsverify", "-H", e.first}, env: []string{"DOCKER_CERT_PATH=" + e.dir}},
		{name: "a proxy", env: []string{"DOCKER_HOST=tcp://engine.example:2375", "HTTP_PROXY=" + strings.Replace(e.plain, "tcp:", "http:", 1)}},
		{name: "no proxy for a socket", env: []string{"DOCKER_HOST=" + e.first, "HTTP_PROXY=http://192.0.2.1:1"}},
	}
	reached := 0
	for _, row := range rows {
		config := e.config(row.config)
		global := slices.Concat([]string{"--config", config}, row.args)
		want := e.seenBy(row.env, "docker", slices.Concat(global, []string{"inspect", "--type", "container", "web"}))
		if want != "" {
			reached++
		}
		if row.refused {
			want = ""
		}
		for program, command := range map[string][]string{
			"docker":                            slices.Concat(global, []string{"nsjoin", "web", "true"}),
			filepath.Join(config, "bin/nsjoin"): slices.Concat(global, []string{"web", "true"}),
		} {
			if got := e.seenBy(row.env, program, command); got != want {
				t.Errorf("%s: the Docker CLI's request:\n%s\nthat of %s %q:\n%s", row.name, want, filepath.Base(program), command, got)
			}
		}
	}
	if reached < len(rows)/2 {
		t.Errorf("only %d of %d requests of the Docker CLI arrived", reached, len(rows))
	}
}

// endpoints are places where a simulated engine listens, and notes what it is asked.
type endpoints struct {
	t                               *testing.T
	dir                             string // has the certificates
	first, second, plain, encrypted string
	mu                              sync.Mutex
	requests                        []string
}

func newEndpoints(t *testing.T) *endpoints {
	t.Helper()
	e := &endpoints{t: t, dir: t.TempDir()}
	server := e.certificates()
	for _, name := range []string{"first", "second"} {
		e.serve(name, "unix", e.file(name), nil)
	}
	e.first, e.second = "unix://"+e.file("first"), "unix://"+e.file("second")
	e.plain = "tcp://" + e.serve("plain", "tcp", "127.0.0.1:0", nil)
	e.encrypted = "tcp://" + e.serve("encrypted", "tcp", "127.0.0.1:0", server)
	return e
}

func (e *endpoints) file(name string) string { return filepath.Join(e.dir, name) }

// serve listens at an address and returns it.
func (e *endpoints) serve(name, network, address string, encrypted *tls.Config) string {
	e.t.Helper()
	listener, err := net.Listen(network, address)
	if err != nil {
		e.t.Fatal(err)
	}
	address = listener.Addr().String()
	if encrypted != nil {
		listener = tls.NewListener(listener, encrypted)
	}
	server := &http.Server{
		ErrorLog: log.New(io.Discard, "", 0), ReadHeaderTimeout: time.Minute,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { e.answer(name, w, r) }),
	}
	e.t.Cleanup(func() { server.Close() })
	go func() { _ = server.Serve(listener) }()
	return address
}

// answer notes a request for the container web, and answers that there is none.
func (e *endpoints) answer(name string, w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Api-Version", "1.41")
	path, isWeb := strings.CutSuffix(r.URL.Path, "/containers/web/json")
	if !isWeb {
		return
	}
	path = path[:strings.LastIndex(path, "/")+1] // without the API version
	header := maps.Clone(r.Header)
	// These say which program asks, not for whom.
	for _, own := range []string{"User-Agent", "Accept-Encoding", "Traceparent", "Baggage"} {
		header.Del(own)
	}
	certificate := ""
	if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
		certificate = r.TLS.PeerCertificates[0].Subject.CommonName
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.requests = append(e.requests, fmt.Sprintf("at %s: %s %s for host %s, certificate %q, %v", name, r.Method, path, r.Host, certificate, header))
	w.WriteHeader(http.StatusNotFound)
	fmt.Fprint(w, `{"message":"No such container: web"}`)
}

// seenBy runs a program and returns the request that arrived, "" for none. The program must fail.
func (e *endpoints) seenBy(env []string, program string, args []string) string {
	e.t.Helper()
	e.mu.Lock()
	e.requests = nil
	e.mu.Unlock()
	cmd := exec.Command(program, args...)
	cmd.Env = slices.Concat([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + e.dir, "XDG_RUNTIME_DIR=" + e.file("run")}, env)
	if out, err := cmd.CombinedOutput(); err == nil {
		e.t.Errorf("%s %q succeeded: %s", program, args, out)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return strings.Join(slices.Compact(e.requests), "\n")
}

// config makes a configuration directory with this config.json, the plugin, and the contexts one, two, secret and
// careless.
func (e *endpoints) config(text string) string {
	e.t.Helper()
	dir, err := os.MkdirTemp(e.dir, "config")
	if err != nil {
		e.t.Fatal(err)
	}
	plugin, err := filepath.Abs("../build/docker-nsjoin")
	if err != nil {
		e.t.Fatal(err)
	}
	for _, link := range []string{"cli-plugins/docker-nsjoin", "bin/nsjoin"} {
		link = filepath.Join(dir, link)
		if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
			e.t.Fatal(err)
		}
		if err := os.Symlink(plugin, link); err != nil {
			e.t.Fatal(err)
		}
	}
	for name, endpoint := range map[string]string{
		"one": "host=" + e.first, "two": "host=" + e.second,
		"secret":   fmt.Sprintf("host=%s,ca=%s,cert=%s,key=%s", e.encrypted, e.file("ca.pem"), e.file("cert.pem"), e.file("key.pem")),
		"careless": fmt.Sprintf("host=%s,skip-tls-verify=true,cert=%s,key=%s", e.encrypted, e.file("cert.pem"), e.file("key.pem")),
	} {
		if out, err := exec.Command("docker", "--config", dir, "context", "create", name, "--docker", endpoint).CombinedOutput(); err != nil {
			e.t.Fatalf("context %s: %v: %s", name, err, out)
		}
	}
	if text != "" {
		if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(text), 0o600); err != nil {
			e.t.Fatal(err)
		}
	}
	return dir
}

// certificates makes an authority, another one, a client's certificate, and the server's, which it returns.
func (e *endpoints) certificates() *tls.Config {
	e.t.Helper()
	authority, key := e.sign("authority", nil, nil)
	e.save("ca.pem", "CERTIFICATE", authority.Raw)
	other, _ := e.sign("other", nil, nil)
	e.save("other.pem", "CERTIFICATE", other.Raw)
	client, clientKey := e.sign("client", authority, key)
	e.save("cert.pem", "CERTIFICATE", client.Raw)
	text, err := x509.MarshalECPrivateKey(clientKey)
	if err != nil {
		e.t.Fatal(err)
	}
	e.save("key.pem", "EC PRIVATE KEY", text)
	server, serverKey := e.sign("server", authority, key)
	return &tls.Config{
		MinVersion: tls.VersionTLS12, ClientAuth: tls.RequestClientCert,
		Certificates: []tls.Certificate{{Certificate: [][]byte{server.Raw}, PrivateKey: serverKey}},
	}
}

// sign makes a certificate of 127.0.0.1; without an authority it is one itself.
func (e *endpoints) sign(name string, authority *x509.Certificate, by *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	e.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		e.t.Fatal(err)
	}
	wanted := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, BasicConstraintsValid: true, IsCA: authority == nil,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	if authority == nil {
		authority, by = wanted, key
	}
	text, err := x509.CreateCertificate(rand.Reader, wanted, authority, &key.PublicKey, by)
	if err != nil {
		e.t.Fatal(err)
	}
	made, err := x509.ParseCertificate(text)
	if err != nil {
		e.t.Fatal(err)
	}
	return made, key
}

func (e *endpoints) save(name, kind string, text []byte) {
	e.t.Helper()
	if err := os.WriteFile(e.file(name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: text}), 0o600); err != nil {
		e.t.Fatal(err)
	}
}
