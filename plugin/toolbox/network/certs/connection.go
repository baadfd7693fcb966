package certs

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/tool"
)

// showConnection prints what is known of a connection as openssl s_client does.
func showConnection(conn *tls.Conn, v verdict, set map[string]string) {
	state := conn.ConnectionState()
	chain := state.PeerCertificates
	protocol := strings.Replace(tls.VersionName(state.Version), "TLS ", "TLSv", 1)
	verification := "OK"
	if v.code != 0 {
		verification = "error: " + v.text
	}
	if has(set, "brief") {
		tool.Printf("CONNECTION ESTABLISHED\nProtocol version: %s\nCiphersuite: %s\nPeer certificate: %s\nVerification: %s\n", protocol, cipher(state.CipherSuite),
			tool.Printable(nameText(chain[0].RawSubject)), verification)
		return
	}
	tool.Print("CONNECTED(00000003)\n---\nCertificate chain\n")
	for i, c := range chain {
		kind, bits := publicKey(c)
		tool.Printf(" %d s:%s\n   i:%s\n   a:PKEY: %s, %d (bit); sigalg: %s\n   v:NotBefore: %s; NotAfter: %s\n", i, tool.Printable(nameText(c.RawSubject)),
			tool.Printable(nameText(c.RawIssuer)), kind, bits, c.SignatureAlgorithm, c.NotBefore.UTC().Format(opensslTime), c.NotAfter.UTC().Format(opensslTime))
		if has(set, "showcerts") {
			_ = pem.Encode(tool.Stdout, &pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
		}
	}
	tool.Print("---\nServer certificate\n")
	if !has(set, "showcerts") {
		_ = pem.Encode(tool.Stdout, &pem.Block{Type: "CERTIFICATE", Bytes: chain[0].Raw})
	}
	_, bits := publicKey(chain[0])
	tool.Printf("subject=%s\nissuer=%s\n---\nVerification%s\n---\nNew, %s, Cipher is %s\nProtocol: %s\nServer public key is %d bit\n", tool.Printable(nameText(chain[0].RawSubject)),
		tool.Printable(nameText(chain[0].RawIssuer)), map[bool]string{true: ": OK", false: " " + verification}[v.code == 0], protocol, cipher(state.CipherSuite), protocol, bits)
	if state.NegotiatedProtocol != "" {
		tool.Printf("ALPN protocol: %s\n", tool.Printable(state.NegotiatedProtocol))
	} else {
		tool.Println("No ALPN negotiated")
	}
	tool.Printf("Verify return code: %d (%s)\n---\n", v.code, v.text)
}

// cipher returns openssl's name of a cipher.
func cipher(id uint16) string {
	name := tls.CipherSuiteName(id)
	front, back, old := strings.Cut(strings.TrimPrefix(name, "TLS_"), "_WITH_")
	if !old { // the names of TLS 1.3 are the same
		return name
	}
	back = strings.NewReplacer("AES_", "AES", "CHACHA20_POLY1305_SHA256", "CHACHA20-POLY1305", "_CBC", "", "3DES_EDE", "DES-CBC3", "_", "-").Replace(back)
	return strings.TrimPrefix(strings.ReplaceAll(front, "_", "-")+"-"+back, "RSA-")
}

// verdict is what openssl says of a chain: a number and a text.
type verdict struct {
	code int
	text string
}

// verify tells whether a chain is trusted by the certificates of a file, or of the container's system, and is of this name.
func verify(chain []*x509.Certificate, name, file string) verdict {
	options := x509.VerifyOptions{DNSName: name, Intermediates: x509.NewCertPool()}
	if file == "" {
		options.Roots = SystemRoots()
	} else {
		text, err := os.ReadFile(file)
		if err != nil {
			return verdict{1, tool.Reason(err).Error()}
		}
		options.Roots = x509.NewCertPool()
		options.Roots.AppendCertsFromPEM(text)
	}
	for _, c := range chain[1:] {
		options.Intermediates.AddCert(c)
	}
	_, err := chain[0].Verify(options)
	last := chain[len(chain)-1]
	invalid, isInvalid := errors.AsType[x509.CertificateInvalidError](err)
	_, isHostname := errors.AsType[x509.HostnameError](err)
	_, isUnknown := errors.AsType[x509.UnknownAuthorityError](err)
	switch {
	case err == nil:
		return verdict{0, "ok"}
	case isHostname:
		return verdict{62, "hostname mismatch: " + tool.Printable(err.Error())}
	case isInvalid && invalid.Reason == x509.Expired && time.Now().Before(invalid.Cert.NotBefore):
		return verdict{9, "certificate is not yet valid"}
	case isInvalid && invalid.Reason == x509.Expired:
		return verdict{10, "certificate has expired"}
	case isUnknown && len(chain) == 1 && string(last.RawIssuer) == string(last.RawSubject):
		return verdict{18, "self-signed certificate"}
	case isUnknown && string(last.RawIssuer) == string(last.RawSubject):
		return verdict{19, "self-signed certificate in certificate chain"}
	case isUnknown && len(chain) == 1:
		return verdict{21, "unable to verify the first certificate"}
	case isUnknown:
		return verdict{20, "unable to get local issuer certificate"}
	}
	return verdict{1, tool.Printable(err.Error())}
}

// publicKey returns the kind of a certificate's key, and its size in bits.
func publicKey(c *x509.Certificate) (kind string, bits int) {
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		return "rsaEncryption", key.N.BitLen()
	case *ecdsa.PublicKey:
		return "id-ecPublicKey", key.Params().BitSize
	case ed25519.PublicKey:
		return "ED25519", 253
	}
	return fmt.Sprint(c.PublicKeyAlgorithm), 0
}
