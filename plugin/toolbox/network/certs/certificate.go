package certs

import (
	"bufio"
	"crypto/sha1" //nolint:gosec // fingerprints that people compare
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// certificate shows a certificate of a file or of standard input.
func certificate(args []string) int {
	set, rest, err := singleDash(args, []string{"in", "inform", "checkend", "ext"},
		[]string{"noout", "text", "serial", "subject", "issuer", "dates", "startdate", "enddate", "fingerprint", "sha256", "sha1"})
	if err == nil && has(set, "ext") && set["ext"] != "subjectAltName" {
		err = fmt.Errorf("of -ext only subjectAltName is supported here")
	}
	if err != nil {
		return tool.Refuse("openssl", err)
	}
	if set["in"] == "" && len(rest) > 0 {
		set["in"] = rest[0]
	}
	in := io.Reader(bufio.NewReader(os.Stdin))
	if set["in"] != "" {
		file, err := os.Open(set["in"])
		if err != nil {
			return tool.Complain("openssl", err)
		}
		defer file.Close()
		in = file
	}
	text, err := io.ReadAll(io.LimitReader(in, 16<<20))
	if err == nil && !strings.EqualFold(set["inform"], "der") {
		block, _ := pem.Decode(text)
		for rest := text; block != nil && block.Type != "CERTIFICATE"; {
			block, rest = pem.Decode(rest)
		}
		switch {
		case block != nil:
			text = block.Bytes
		case len(text) == 0 || text[0] != 0x30:
			err = errors.New("there is no certificate in PEM")
		}
	}
	var c *x509.Certificate
	if err == nil {
		c, err = x509.ParseCertificate(text)
	}
	if err != nil {
		return tool.Complain("openssl", err)
	}
	return showCertificate(c, set)
}

func showCertificate(c *x509.Certificate, set map[string]string) int {
	if has(set, "text") {
		tool.Print(certificateText(c))
	}
	for _, part := range []struct{ option, text string }{
		{"serial", fmt.Sprintf("serial=%X", c.SerialNumber)},
		{"subject", "subject=" + nameText(c.RawSubject)},
		{"issuer", "issuer=" + nameText(c.RawIssuer)},
		{"ext", "X509v3 Subject Alternative Name: \n    " + alternatives(c)},
	} {
		if has(set, part.option) {
			for line := range strings.SplitSeq(part.text, "\n") {
				tool.Println(tool.Printable(line))
			}
		}
	}
	if has(set, "dates") || has(set, "startdate") {
		tool.Println("notBefore=" + c.NotBefore.UTC().Format(opensslTime))
	}
	if has(set, "dates") || has(set, "enddate") {
		tool.Println("notAfter=" + c.NotAfter.UTC().Format(opensslTime))
	}
	if has(set, "fingerprint") {
		showFingerprint(c, has(set, "sha256"))
	}
	if !has(set, "noout") {
		_ = pem.Encode(tool.Stdout, &pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
	}
	if text, ok := set["checkend"]; ok {
		seconds, err := time.ParseDuration(text + "s")
		if err != nil {
			return tool.Complain("openssl", fmt.Errorf("%q is no number", text))
		}
		if time.Now().Add(seconds).After(c.NotAfter) {
			tool.Println("Certificate will expire")
			return 1
		}
		tool.Println("Certificate will not expire")
	}
	return 0
}

func showFingerprint(c *x509.Certificate, by256 bool) {
	if by256 {
		sum := sha256.Sum256(c.Raw)
		tool.Printf("sha256 Fingerprint=%s\n", colons(sum[:]))
		return
	}
	sum := sha1.Sum(c.Raw) //nolint:gosec // as openssl's
	tool.Printf("SHA1 Fingerprint=%s\n", colons(sum[:]))
}

// colons writes bytes in hexadecimal with colons between them.
func colons(b []byte) string {
	out := make([]string, len(b))
	for i := range b {
		out[i] = fmt.Sprintf("%02X", b[i])
	}
	return strings.Join(out, ":")
}
