package certs

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// A certificate is printed as the machine's openssl does, but for spaces around =, which openssl has no more since 3.2.
func TestCertificateTextAsOpenssl(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip(err)
	}
	rsaKey, rsaErr := rsa.GenerateKey(rand.Reader, 2048)
	ecKey, ecErr := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	_, edKey, edErr := ed25519.GenerateKey(rand.Reader)
	for _, err := range []error{rsaErr, ecErr, edErr} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, key := range []crypto.Signer{rsaKey, ecKey, edKey} {
		template := &x509.Certificate{
			SerialNumber: new(big.Int).Lsh(big.NewInt(0x1234), 80), NotBefore: time.Unix(1e9, 0), NotAfter: time.Unix(4e9, 0),
			Subject:  pkix.Name{Country: []string{"DE"}, Organization: []string{"Acme, Inc"}, CommonName: "web.example"},
			KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
			BasicConstraintsValid: true, IsCA: true, MaxPathLenZero: true, DNSNames: []string{"web.example", "*.example"},
			IPAddresses: []net.IP{net.IPv4(10, 0, 0, 1).To4(), net.ParseIP("fd00::1")}, OCSPServer: []string{"http://ocsp.example"},
			IssuingCertificateURL: []string{"http://ca.example/ca"}, CRLDistributionPoints: []string{"http://ca.example/crl"}, SubjectKeyId: []byte{1, 2, 3},
		}
		raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		c, err := x509.ParseCertificate(raw)
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("openssl", "x509", "-noout", "-text")
		cmd.Stdin = strings.NewReader(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw})))
		want, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		plain := func(text string) []string {
			return strings.Split(strings.ReplaceAll(text, " = ", "="), "\n")
		}
		got, wanted := plain(certificateText(c)), plain(string(want))
		for i := range max(len(got), len(wanted)) {
			if i >= len(got) || i >= len(wanted) || got[i] != wanted[i] {
				t.Errorf("%T: line %d differs:\ngot\n%s\nwant\n%s", key, i+1, strings.Join(got, "\n"), strings.Join(wanted, "\n"))
				break
			}
		}
	}
}
