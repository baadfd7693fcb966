package web

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// body returns what is to be posted, and its type.
func (c *curl) body() (body []byte, kind string, err error) {
	if len(c.dataJSON) > 0 {
		parts, err := contents(c.dataJSON, true, true)
		return []byte(strings.Join(parts, "")), "application/json", err
	}
	plain, errPlain := contents(c.data, true, false)
	raw, errRaw := contents(c.dataRaw, false, true)
	binary, errBinary := contents(c.dataBinary, true, true)
	if err := errors.Join(errPlain, errRaw, errBinary); err != nil {
		return nil, "", err
	}
	parts := slices.Concat(plain, raw, binary)
	more, err := encoded(c.dataURL)
	if err != nil {
		return nil, "", err
	}
	parts = append(parts, more...)
	return []byte(strings.Join(parts, "&")), "application/x-www-form-urlencoded", nil
}

// contents returns texts, of which @FILE is a file's if that is wanted, perhaps without its newlines.
func contents(list []string, files, newlines bool) (parts []string, err error) {
	for _, text := range list {
		file, ok := strings.CutPrefix(text, "@")
		if ok && files {
			if file == "-" {
				file = "/dev/stdin"
			}
			content, err := readFile(file)
			if err != nil {
				return nil, tool.Reason(err)
			}
			text = string(content)
			if !newlines {
				text = strings.NewReplacer("\r", "", "\n", "").Replace(text)
			}
		}
		parts = append(parts, text)
	}
	return parts, nil
}

// encoded encodes values of --data-urlencode: TEXT, =TEXT, NAME=TEXT, @FILE or NAME@FILE.
func encoded(list []string) (parts []string, err error) {
	for _, text := range list {
		at := strings.IndexAny(text, "=@")
		if at < 0 {
			parts = append(parts, escaped(text))
			continue
		}
		name, value := text[:at], text[at+1:]
		if text[at] == '@' {
			content, err := readFile(value)
			if err != nil {
				return nil, tool.Reason(err)
			}
			value = string(content)
		}
		if name != "" {
			name += "="
		}
		parts = append(parts, name+escaped(value))
	}
	return parts, nil
}

// escaped encodes a text as curl does: a space is %20.
func escaped(text string) string { return strings.ReplaceAll(url.QueryEscape(text), "+", "%20") }

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
		content, err := readFile(file)
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

// content returns the method, and what is sent with it. Data of -G becomes a part of the URL.
func (c *curl) content(u *url.URL) (method string, body []byte, kind string, err error) {
	posts := len(c.data)+len(c.dataRaw)+len(c.dataBinary)+len(c.dataURL)+len(c.dataJSON) > 0
	switch {
	case len(c.forms) > 0:
		body, kind, err = c.form()
		return http.MethodPost, body, kind, err
	case c.upload != "":
		file := c.upload
		if file == "-" {
			file = "/dev/stdin"
		}
		body, err = readFile(file)
		return http.MethodPut, body, "", err
	case !posts:
		return http.MethodGet, nil, "", nil
	}
	body, kind, err = c.body()
	if c.get {
		u.RawQuery = strings.Trim(u.RawQuery+"&"+string(body), "&")
		return http.MethodGet, nil, "", err
	}
	return http.MethodPost, body, kind, err
}

// request returns the request for a URL.
func (c *curl) request(u *url.URL) (*http.Request, error) {
	method, body, kind, err := c.content(u)
	if err != nil {
		return nil, err
	}
	if len(c.queries) > 0 {
		parts, _ := encoded(c.queries)
		u.RawQuery = strings.Trim(u.RawQuery+"&"+strings.Join(parts, "&"), "&")
	}
	c.result.sent = len(body)
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
	if kind == "application/json" {
		request.Header.Set("Accept", kind)
	}
	for _, one := range []struct{ name, value, text string }{
		{"Content-Type", kind, kind}, {"Referer", c.referer, c.referer}, {"Cookie", c.cookie, c.cookie}, {"Range", c.bytes, "bytes=" + c.bytes}, {"Authorization", c.bearer, "Bearer " + c.bearer},
	} {
		if one.value != "" {
			request.Header.Set(one.name, one.text)
		}
	}
	if c.user != "" {
		name, password, _ := strings.Cut(c.user, ":")
		request.SetBasicAuth(name, password)
	}
	c.addHeaders(request)
	return request, nil
}

// addHeaders adds the headers of -H.
func (c *curl) addHeaders(request *http.Request) {
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
}

func readFile(name string) ([]byte, error) {
	file, err := tool.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(file)
}
