package network

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"os"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// save writes the answer where it is wanted, and returns its size in bytes. With discard, no file is written: one that
// is there is kept.
func (c *curl) save(u *url.URL, response *http.Response, discard bool) (int64, error) {
	var header bytes.Buffer
	fmt.Fprintf(&header, "%s %s\r\n", response.Proto, response.Status)
	_ = response.Header.Write(&header)
	header.WriteString("\r\n")
	if c.serverHeaders {
		fmt.Fprintf(os.Stderr, "  %s %s\n", response.Proto, tool.Printable(response.Status))
		printHeader(os.Stderr, "  ", response.Header)
	}
	switch c.dump {
	case "":
	case "-":
		_, _ = os.Stdout.Write(header.Bytes())
	default:
		if err := os.WriteFile(c.dump, header.Bytes(), 0o666); err != nil {
			c.status = curlWrite
			return 0, tool.Reason(err)
		}
	}
	name := c.output
	if c.remote && name == "" {
		if name = path.Base(u.Path); name == "/" || name == "." {
			c.status = curlWrite
			return 0, errors.New("the URL has no name of a file")
		}
	}
	toFile := name != "" && name != "-"
	if discard && toFile {
		return 0, nil
	}
	out := os.Stdout
	if toFile {
		_, err := os.Lstat(name)
		c.made = c.made || errors.Is(err, fs.ErrNotExist) // by this try or an earlier one
		file, err := os.Create(name)
		if err != nil {
			c.status = curlWrite
			return 0, tool.Reason(err)
		}
		defer file.Close()
		out = file
	}
	if c.include || c.head {
		_, _ = out.Write(header.Bytes())
	}
	if discard || c.head {
		return 0, nil
	}
	n, err := io.Copy(out, response.Body)
	if err != nil {
		if _, ok := errors.AsType[*os.PathError](err); ok {
			c.status = curlWrite
			return n, tool.Reason(err)
		}
		return n, c.broken(err)
	}
	return n, nil
}

// timing is when the parts of a transfer were done.
type timing struct{ start, lookup, connect, secured, sent, first time.Time }

// traced returns a context that notes the times.
func (t *timing) traced(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		DNSDone:              func(httptrace.DNSDoneInfo) { t.lookup = time.Now() },
		ConnectDone:          func(string, string, error) { t.connect = time.Now() },
		TLSHandshakeDone:     func(tls.ConnectionState, error) { t.secured = time.Now() },
		WroteHeaders:         func() { t.sent = time.Now() },
		GotFirstResponseByte: func() { t.first = time.Now() },
	})
}

// since returns the seconds up to a time. A part that there was not took none.
func (t *timing) since(at time.Time) string {
	if at.IsZero() {
		at = t.start
	}
	return strconv.FormatFloat(at.Sub(t.start).Seconds(), 'f', 6, 64)
}

var variable = regexp.MustCompile(`%\{[a-z_]+\}|%%|\\[nrt]`)

// printOut prints the format of -w.
func (c *curl) printOut(response *http.Response, size int64) {
	address, port, _ := net.SplitHostPort(c.dialed)
	values := map[string]string{
		"%%": "%", `\n`: "\n", `\r`: "\r", `\t`: "\t",
		"http_code": strconv.Itoa(response.StatusCode), "response_code": strconv.Itoa(response.StatusCode), "size_download": strconv.FormatInt(size, 10),
		"content_type": response.Header.Get("Content-Type"), "url_effective": response.Request.URL.String(),
		"redirect_url": response.Header.Get("Location"), "remote_ip": address, "remote_port": port, "http_version": strings.TrimPrefix(response.Proto, "HTTP/"),
		"method": response.Request.Method, "scheme": response.Request.URL.Scheme,
		"time_total": c.times.since(time.Now()), "time_namelookup": c.times.since(c.times.lookup), "time_connect": c.times.since(c.times.connect),
		"time_appconnect": c.times.since(c.times.secured), "time_pretransfer": c.times.since(c.times.sent), "time_starttransfer": c.times.since(c.times.first),
	}
	if response.ProtoMajor == 2 {
		values["http_version"] = "2"
	}
	_, _ = os.Stdout.WriteString(variable.ReplaceAllStringFunc(c.writeOut, func(word string) string {
		value, ok := values[strings.TrimSuffix(strings.TrimPrefix(word, "%{"), "}")]
		if !ok {
			fmt.Fprintf(os.Stderr, "curl: unknown --write-out variable: %q\n", strings.Trim(word, "%{}"))
		}
		return value
	}))
}
