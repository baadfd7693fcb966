package certs

import (
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsjoin/docker-nsjoin/plugin/toolbox/accounts"
)

// Where distributions keep the certificates to trust: the first file that has some, and all files of the directories,
// as crypto/x509 reads them.
var (
	rootFiles = []string{
		"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem", "/etc/pki/tls/cacert.pem",
		"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "/etc/ssl/cert.pem",
	}
	rootDirs = []string{"/etc/ssl/certs", "/etc/pki/tls/certs"}
)

// rootLimit is how many files of a directory are read.
const rootLimit = 1000

// SystemRoots returns the certificates that the container trusts. They are read here and not by crypto/x509, which
// would wait for a FIFO in their place.
func SystemRoots() *x509.CertPool {
	files, dirs := rootFiles, rootDirs
	if file := os.Getenv("SSL_CERT_FILE"); file != "" {
		files = []string{file}
	}
	if list := os.Getenv("SSL_CERT_DIR"); list != "" {
		dirs = strings.Split(list, ":")
	}
	pool := x509.NewCertPool()
	found := false
	for _, file := range files {
		if text, err := accounts.ReadFile(file); err == nil && pool.AppendCertsFromPEM([]byte(text)) {
			found = true
			break
		}
	}
	// A bundle has what the directory has; only a directory that was named adds to it.
	if found && os.Getenv("SSL_CERT_DIR") == "" {
		return pool
	}
	for _, dir := range dirs {
		d, err := os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY, 0)
		if err != nil {
			continue
		}
		names, _ := d.Readdirnames(rootLimit)
		d.Close()
		for _, name := range names {
			if text, err := accounts.ReadFile(filepath.Join(dir, name)); err == nil {
				pool.AppendCertsFromPEM([]byte(text))
			}
		}
	}
	return pool
}
