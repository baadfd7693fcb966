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
		printCertificate(c)
	}
	for _, part := range []struct{ option, text string }{
		{"serial", fmt.Sprintf("serial=%X", c.SerialNumber)},
		{"subject", "subject=" + c.Subject.String()},
		{"issuer", "issuer=" + c.Issuer.String()},
		{"ext", "subjectAltName=" + names2(c)},
	} {
		if has(set, part.option) {
			tool.Println(tool.Printable(part.text))
		}
	}
	if has(set, "dates") || has(set, "startdate") {
		tool.Println("notBefore=" + c.NotBefore.UTC().Format(opensslTime))
	}
	if has(set, "dates") || has(set, "enddate") {
		tool.Println("notAfter=" + c.NotAfter.UTC().Format(opensslTime))
	}
	if has(set, "fingerprint") {
		if has(set, "sha256") {
			tool.Printf("sha256 Fingerprint=%s\n", colons(sha256.Sum256(c.Raw)))
		} else {
			tool.Printf("SHA1 Fingerprint=%s\n", colons(sha1.Sum(c.Raw))) //nolint:gosec // as openssl's
		}
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

func colons[T ~[20]byte | ~[32]byte](sum T) string {
	var out []string
	for i := range len(sum) {
		out = append(out, fmt.Sprintf("%02X", sum[i]))
	}
	return strings.Join(out, ":")
}

func names2(c *x509.Certificate) string {
	var list []string
	for _, name := range c.DNSNames {
		list = append(list, "DNS:"+name)
	}
	for _, ip := range c.IPAddresses {
		list = append(list, "IP Address:"+ip.String())
	}
	for _, mail := range c.EmailAddresses {
		list = append(list, "email:"+mail)
	}
	for _, uri := range c.URIs {
		list = append(list, "URI:"+uri.String())
	}
	return strings.Join(list, ", ")
}

func printCertificate(c *x509.Certificate) {
	tool.Printf("Certificate:\n    Version: %d\n    Serial Number: %x\n    Signature Algorithm: %s\n    Issuer: %s\n    Validity\n        Not Before: %s\n        Not After : %s\n    Subject: %s\n    Public Key: %s\n",
		c.Version, c.SerialNumber, c.SignatureAlgorithm, tool.Printable(c.Issuer.String()), c.NotBefore.UTC().Format(opensslTime), c.NotAfter.UTC().Format(opensslTime),
		tool.Printable(c.Subject.String()), keyText(c))
	if list := names2(c); list != "" {
		tool.Println("    Subject Alternative Name:", tool.Printable(list))
	}
	if c.BasicConstraintsValid {
		tool.Printf("    Basic Constraints: CA:%v\n", c.IsCA)
	}
	var uses []string
	for i, name := range []string{"Digital Signature", "Content Commitment", "Key Encipherment", "Data Encipherment", "Key Agreement", "Certificate Sign", "CRL Sign"} {
		if c.KeyUsage&(1<<i) != 0 {
			uses = append(uses, name)
		}
	}
	for _, use := range c.ExtKeyUsage {
		if name, ok := map[x509.ExtKeyUsage]string{x509.ExtKeyUsageServerAuth: "TLS Server", x509.ExtKeyUsageClientAuth: "TLS Client", x509.ExtKeyUsageCodeSigning: "Code Signing"}[use]; ok {
			uses = append(uses, name)
		}
	}
	if len(uses) > 0 {
		tool.Println("    Usage:", strings.Join(uses, ", "))
	}
	for _, url := range c.OCSPServer {
		tool.Println("    OCSP:", tool.Printable(url))
	}
}
