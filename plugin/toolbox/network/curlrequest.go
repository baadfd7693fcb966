package network

import (
	"bytes"
	"errors"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"path"
	"strings"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

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
	if len(c.dataJSON) > 0 {
		parts = nil
		err := add(c.dataJSON, true, true)
		return []byte(strings.Join(parts, "")), "application/json", err
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
	posts := len(c.data)+len(c.dataRaw)+len(c.dataBinary)+len(c.dataURL)+len(c.dataJSON) > 0
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
	if kind == "application/json" {
		request.Header.Set("Accept", kind)
	}
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
