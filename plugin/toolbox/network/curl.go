package network

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/url"
	"os"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// curl is a call of curl.
type curl struct {
	method, output, user, agent, referer, proxy, socket, writeOut, ca, cert, key, upload, cookie, dump string
	headers, data, dataRaw, dataBinary, dataURL, forms, resolve                                        []string
	include, head, location, silent, showError, insecure, fail, verbose, get, remote, compressed       bool
	http1, http2, four, six, globoff                                                                   bool
	maxTime, connectTimeout                                                                            float64
	retries, maxRedirects                                                                              int

	dialed string // the address of the last connection
	status int
}

// The exit statuses that scripts know.
const (
	curlMalformed = 3
	curlResolve   = 6
	curlConnect   = 7
	curlHTTP      = 22
	curlWrite     = 23
	curlTimeout   = 28
	curlTLS       = 35
	curlRedirects = 47
	curlVerify    = 60
)

func (c *curl) flags(f *pflag.FlagSet) {
	f.StringVarP(&c.method, "request", "X", "", "the method")
	f.StringArrayVarP(&c.headers, "header", "H", nil, "a header")
	f.StringArrayVarP(&c.data, "data", "d", nil, "data to post; @FILE is a file's")
	f.StringArrayVar(&c.dataRaw, "data-raw", nil, "data to post")
	f.StringArrayVar(&c.dataBinary, "data-binary", nil, "data to post, with newlines of files")
	f.StringArrayVar(&c.dataURL, "data-urlencode", nil, "data to encode and post")
	f.StringArrayVarP(&c.forms, "form", "F", nil, "a field of a form; NAME=@FILE is a file")
	f.StringVarP(&c.upload, "upload-file", "T", "", "a file to put")
	f.BoolVarP(&c.get, "get", "G", false, "data is a query")
	f.BoolVarP(&c.head, "head", "I", false, "headers only")
	f.BoolVarP(&c.include, "include", "i", false, "headers too")
	f.BoolVarP(&c.location, "location", "L", false, "follow redirections")
	f.IntVar(&c.maxRedirects, "max-redirs", 50, "redirections to follow")
	f.StringVarP(&c.output, "output", "o", "", "a file to write")
	f.BoolVarP(&c.remote, "remote-name", "O", false, "write a file of the URL's name")
	f.StringVarP(&c.dump, "dump-header", "D", "", "a file for headers")
	f.BoolVarP(&c.silent, "silent", "s", false, "no messages")
	f.BoolVarP(&c.showError, "show-error", "S", false, "messages in spite of -s")
	f.BoolVarP(&c.fail, "fail", "f", false, "fail for statuses of 400 and more")
	f.BoolVarP(&c.verbose, "verbose", "v", false, "print what is sent and received")
	f.BoolVarP(&c.insecure, "insecure", "k", false, "accept any certificate")
	f.StringVar(&c.ca, "cacert", "", "a file of certificates to trust")
	f.StringVarP(&c.cert, "cert", "E", "", "a file with the client's certificate")
	f.StringVar(&c.key, "key", "", "a file with its key")
	f.StringVarP(&c.user, "user", "u", "", "USER:PASSWORD")
	f.StringVarP(&c.agent, "user-agent", "A", "curl (docker nsjoin)", "the name to send")
	f.StringVarP(&c.referer, "referer", "e", "", "the referer to send")
	f.StringVarP(&c.cookie, "cookie", "b", "", "cookies to send")
	f.StringVarP(&c.proxy, "proxy", "x", "", "a proxy")
	f.StringVar(&c.socket, "unix-socket", "", "a UNIX socket to connect to")
	f.StringArrayVar(&c.resolve, "resolve", nil, "HOST:PORT:ADDRESS to use")
	f.Float64VarP(&c.maxTime, "max-time", "m", 0, "seconds that all may take")
	f.Float64Var(&c.connectTimeout, "connect-timeout", 30, "seconds that connecting may take")
	f.StringVarP(&c.writeOut, "write-out", "w", "", "what to print at the end, such as %{http_code}")
	f.IntVar(&c.retries, "retry", 0, "tries after an error that may pass")
	f.BoolVar(&c.compressed, "compressed", false, "ask for compression")
	f.BoolVar(&c.http1, "http1.1", false, "HTTP/1.1")
	f.BoolVar(&c.http2, "http2", false, "HTTP/2, as by default with TLS")
	f.BoolVarP(&c.four, "ipv4", "4", false, "IPv4")
	f.BoolVarP(&c.six, "ipv6", "6", false, "IPv6")
	f.BoolVarP(&c.globoff, "globoff", "g", false, "ignored")
	f.BoolP("no-buffer", "N", false, "ignored")
	f.BoolP("progress-bar", "#", false, "ignored")
	f.Bool("fail-with-body", false, "as -f, with the answer")
	f.StringArray("url", nil, "a URL")
}

// Curl transfers URLs of HTTP and HTTPS.
func Curl(args []string) int {
	c := &curl{}
	f := tool.Flags("curl", "[OPTIONS] URL...")
	c.flags(f)
	if status, ok := tool.Parse(f, args); !ok {
		return status
	}
	urls, _ := f.GetStringArray("url")
	urls = append(urls, f.Args()...)
	if len(urls) == 0 {
		f.Usage()
		return tool.Usage
	}
	withBody, _ := f.GetBool("fail-with-body")
	status := 0
	for _, text := range urls {
		err := c.transfer(text, withBody)
		for try := 0; err != nil && try < c.retries && c.status != curlHTTP; try++ {
			time.Sleep(time.Second << min(try, 5))
			err = c.transfer(text, withBody)
		}
		if err != nil {
			status = c.status
			if !c.silent || c.showError {
				fmt.Fprintf(os.Stderr, "curl: (%d) %v\n", c.status, err)
			}
		}
	}
	return status
}

// broken sets the exit status that an error stands for.
func (c *curl) broken(err error) error {
	var dnsError *net.DNSError
	var timeout interface{ Timeout() bool }
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var operation *net.OpError
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		defer func() { c.status = max(c.status, 1) }()
	}
	switch {
	case errors.As(err, &dnsError):
		c.status = curlResolve
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, context.DeadlineExceeded):
		c.status = curlTimeout
	case errors.As(err, &unknown), errors.As(err, &name), errors.As(err, &invalid):
		c.status = curlVerify
	case errors.Is(err, errRedirects):
		c.status = curlRedirects
	case errors.As(err, &operation) && operation.Op == "dial":
		c.status = curlConnect
	case strings.Contains(fmt.Sprintf("%T %v", err, err), "tls:"):
		c.status = curlTLS
	default:
		c.status = 56
	}
	if wrapped != nil {
		return wrapped.Err
	}
	return err
}

var errRedirects = errors.New("too many redirections")

func (c *curl) transfer(text string, withBody bool) error {
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		c.status = curlMalformed
		return fmt.Errorf("%q is no URL of HTTP", text)
	}
	if err := CheckFiles(); err != nil && net.ParseIP(u.Hostname()) == nil && c.socket == "" {
		c.status = curlResolve
		return err
	}
	request, err := c.request(u)
	if err != nil {
		c.status = 26
		return err
	}
	client, err := c.client()
	if err != nil {
		c.status = 58
		return err
	}
	ctx := context.Background()
	if c.maxTime > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(c.maxTime*float64(time.Second)))
		defer cancel()
	}
	started := time.Now()
	response, err := client.Do(request.WithContext(ctx))
	if err != nil {
		return c.broken(err)
	}
	defer response.Body.Close()
	failed := (c.fail || withBody) && response.StatusCode >= 400
	n, err := c.save(u, response, failed && !withBody)
	c.printOut(response, n, time.Since(started))
	switch {
	case err != nil:
		return err
	case failed:
		c.status = curlHTTP
		return fmt.Errorf("the requested URL returned error: %d", response.StatusCode)
	}
	return nil
}

// body returns what is to be posted, and its type.
func (c *curl) body() (body []byte, kind string, err error) {
	var parts []string
	add := func(list []string, files, newlines bool) error {
		for _, text := range list {
			if file, ok := strings.CutPrefix(text, "@"); ok && files {
				if file == "-" {
					file = "/dev/stdin"
				}
				content, err := os.ReadFile(file)
				if err != nil {
					return tool.Reason(err)
				}
				text = string(content)
				if !newlines {
					text = strings.NewReplacer("\r", "", "\n", "").Replace(text)
				}
			}
			parts = append(parts, text)
		}
		return nil
	}
	if err := errors.Join(add(c.data, true, false), add(c.dataRaw, false, true), add(c.dataBinary, true, true)); err != nil {
		return nil, "", err
	}
	for _, text := range c.dataURL {
		name, value, ok := strings.Cut(text, "=")
		switch {
		case !ok:
			parts = append(parts, url.QueryEscape(text))
		case name == "":
			parts = append(parts, url.QueryEscape(value))
		default:
			parts = append(parts, name+"="+url.QueryEscape(value))
		}
	}
	return []byte(strings.Join(parts, "&")), "application/x-www-form-urlencoded", nil
}

// form returns a form's body.
func (c *curl) form() ([]byte, string, error) {
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for _, field := range c.forms {
		name, value, ok := strings.Cut(field, "=")
		if !ok {
			return nil, "", fmt.Errorf("%q is no field", field)
		}
		file, isFile := strings.CutPrefix(value, "@")
		if !isFile {
			if err := w.WriteField(name, value); err != nil {
				return nil, "", err
			}
			continue
		}
		file, _, _ = strings.Cut(file, ";")
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, "", tool.Reason(err)
		}
		part, err := w.CreateFormFile(name, path.Base(file))
		if err != nil {
			return nil, "", err
		}
		_, _ = part.Write(content)
	}
	err := w.Close()
	return body.Bytes(), w.FormDataContentType(), err
}

func (c *curl) request(u *url.URL) (*http.Request, error) {
	var body []byte
	kind, method := "", http.MethodGet
	var err error
	posts := len(c.data)+len(c.dataRaw)+len(c.dataBinary)+len(c.dataURL) > 0
	switch {
	case len(c.forms) > 0:
		method = http.MethodPost
		body, kind, err = c.form()
	case c.upload != "":
		method = http.MethodPut
		file := c.upload
		if file == "-" {
			file = "/dev/stdin"
		}
		body, err = os.ReadFile(file)
	case posts:
		body, kind, err = c.body()
		if c.get {
			u.RawQuery = strings.Trim(u.RawQuery+"&"+string(body), "&")
			body, kind = nil, ""
		} else {
			method = http.MethodPost
		}
	}
	if err != nil {
		return nil, err
	}
	if c.head {
		method = http.MethodHead
	}
	if c.method != "" {
		method = c.method
	}
	request, err := http.NewRequest(method, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if len(body) == 0 {
		request.Body = http.NoBody
	}
	request.Header.Set("Accept", "*/*")
	request.Header.Set("User-Agent", c.agent)
	if kind != "" {
		request.Header.Set("Content-Type", kind)
	}
	if c.referer != "" {
		request.Header.Set("Referer", c.referer)
	}
	if c.cookie != "" {
		request.Header.Set("Cookie", c.cookie)
	}
	if c.user != "" {
		name, password, _ := strings.Cut(c.user, ":")
		request.SetBasicAuth(name, password)
	}
	for _, header := range c.headers {
		name, value, ok := strings.Cut(header, ":")
		value = strings.TrimSpace(value)
		switch {
		case !ok:
			request.Header.Set(strings.TrimSuffix(name, ";"), "")
		case strings.EqualFold(name, "Host"):
			request.Host = value
		case value == "":
			request.Header.Del(name)
		default:
			request.Header.Add(name, value)
			if values := request.Header.Values(name); len(values) == 2 && (strings.EqualFold(name, "Accept") || strings.EqualFold(name, "Content-Type") || strings.EqualFold(name, "User-Agent")) {
				request.Header.Set(name, value)
			}
		}
	}
	return request, nil
}

func (c *curl) client() (*http.Client, error) {
	config := &tls.Config{InsecureSkipVerify: c.insecure} //nolint:gosec // what -k is for
	if c.ca != "" {
		text, err := os.ReadFile(c.ca)
		if err != nil {
			return nil, tool.Reason(err)
		}
		config.RootCAs = x509.NewCertPool()
		config.RootCAs.AppendCertsFromPEM(text)
	}
	if c.cert != "" {
		key := c.key
		if key == "" {
			key = c.cert
		}
		pair, err := tls.LoadX509KeyPair(c.cert, key)
		if err != nil {
			return nil, tool.Reason(err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: c.dial, TLSClientConfig: config, ForceAttemptHTTP2: !c.http1,
		DisableCompression: !c.compressed, TLSHandshakeTimeout: time.Duration(c.connectTimeout * float64(time.Second)),
	}
	if c.proxy != "" {
		if !strings.Contains(c.proxy, "://") {
			c.proxy = "http://" + c.proxy
		}
		proxy, err := url.Parse(c.proxy)
		if err != nil {
			return nil, err
		}
		transport.Proxy = http.ProxyURL(proxy)
	}
	return &http.Client{Transport: c.traced(transport), CheckRedirect: func(_ *http.Request, via []*http.Request) error {
		switch {
		case !c.location:
			return http.ErrUseLastResponse
		case len(via) > c.maxRedirects:
			return errRedirects
		}
		return nil
	}}, nil
}

func (c *curl) dial(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := net.Dialer{Timeout: time.Duration(c.connectTimeout * float64(time.Second))}
	switch {
	case c.socket != "":
		network, address = "unix", c.socket
	case c.four:
		network = "tcp4"
	case c.six:
		network = "tcp6"
	}
	for _, entry := range c.resolve {
		parts := strings.SplitN(strings.TrimPrefix(entry, "+"), ":", 3)
		if len(parts) == 3 && net.JoinHostPort(parts[0], parts[1]) == address {
			address = net.JoinHostPort(strings.Trim(parts[2], "[]"), parts[1])
		}
	}
	conn, err := dialer.DialContext(ctx, network, address)
	if err == nil {
		c.dialed = conn.RemoteAddr().String()
		if c.verbose {
			fmt.Fprintf(os.Stderr, "* Connected to %s\n", c.dialed)
		}
	}
	return conn, err
}

// tracing prints requests and answers for -v.
type tracing struct {
	http.RoundTripper
	c *curl
}

func (c *curl) traced(transport http.RoundTripper) http.RoundTripper {
	if c.verbose {
		return tracing{transport, c}
	}
	return transport
}

func (t tracing) RoundTrip(r *http.Request) (*http.Response, error) {
	host := r.Host
	if host == "" {
		host = r.URL.Host
	}
	fmt.Fprintf(os.Stderr, "> %s %s HTTP/1.1\n> Host: %s\n", r.Method, r.URL.RequestURI(), host)
	printHeader(os.Stderr, "> ", r.Header)
	fmt.Fprintln(os.Stderr, ">")
	response, err := t.RoundTripper.RoundTrip(r)
	if err == nil {
		if s := response.TLS; s != nil {
			fmt.Fprintf(os.Stderr, "* %s, %s\n", tls.VersionName(s.Version), tls.CipherSuiteName(s.CipherSuite))
			if len(s.PeerCertificates) > 0 {
				fmt.Fprintf(os.Stderr, "* certificate of %s until %s\n", tool.Printable(s.PeerCertificates[0].Subject.String()), s.PeerCertificates[0].NotAfter.Format(time.DateOnly))
			}
		}
		fmt.Fprintf(os.Stderr, "< %s %s\n", response.Proto, response.Status)
		printHeader(os.Stderr, "< ", response.Header)
		fmt.Fprintln(os.Stderr, "<")
	}
	return response, err
}

func printHeader(to io.Writer, mark string, header http.Header) {
	for name, values := range header {
		for _, value := range values {
			fmt.Fprintf(to, "%s%s: %s\n", mark, name, tool.Printable(value))
		}
	}
}

// save writes the answer where it is wanted, and returns its size in bytes.
func (c *curl) save(u *url.URL, response *http.Response, discard bool) (int64, error) {
	name := c.output
	if c.remote && name == "" {
		if name = path.Base(u.Path); name == "/" || name == "." {
			c.status = curlWrite
			return 0, errors.New("the URL has no name of a file")
		}
	}
	out := os.Stdout
	if name != "" && name != "-" {
		file, err := os.Create(name)
		if err != nil {
			c.status = curlWrite
			return 0, tool.Reason(err)
		}
		defer file.Close()
		out = file
	}
	var header bytes.Buffer
	fmt.Fprintf(&header, "%s %s\r\n", response.Proto, response.Status)
	_ = response.Header.Write(&header)
	header.WriteString("\r\n")
	if c.include || c.head {
		_, _ = out.Write(header.Bytes())
	}
	if c.dump != "" {
		if c.dump == "-" {
			_, _ = os.Stdout.Write(header.Bytes())
		} else if err := os.WriteFile(c.dump, header.Bytes(), 0o666); err != nil {
			c.status = curlWrite
			return 0, tool.Reason(err)
		}
	}
	if discard || c.head {
		return 0, nil
	}
	n, err := io.Copy(out, response.Body)
	if err != nil {
		var pathError *os.PathError
		if errors.As(err, &pathError) {
			c.status = curlWrite
			return n, tool.Reason(err)
		}
		return n, c.broken(err)
	}
	return n, nil
}

func (c *curl) printOut(response *http.Response, size int64, took time.Duration) {
	if c.writeOut == "" {
		return
	}
	address, port, _ := net.SplitHostPort(c.dialed)
	seconds := strconv.FormatFloat(took.Seconds(), 'f', 6, 64)
	values := []string{`\n`, "\n", `\t`, "\t", `\r`, "\r", "%%", "%"}
	for name, value := range map[string]string{
		"http_code": strconv.Itoa(response.StatusCode), "response_code": strconv.Itoa(response.StatusCode), "size_download": strconv.FormatInt(size, 10),
		"time_total": seconds, "content_type": response.Header.Get("Content-Type"), "url_effective": response.Request.URL.String(),
		"redirect_url": response.Header.Get("Location"), "remote_ip": address, "remote_port": port, "http_version": strings.TrimPrefix(response.Proto, "HTTP/"),
		"method": response.Request.Method, "scheme": response.Request.URL.Scheme,
	} {
		values = append(values, "%{"+name+"}", value)
	}
	fmt.Print(strings.NewReplacer(values...).Replace(c.writeOut))
}
