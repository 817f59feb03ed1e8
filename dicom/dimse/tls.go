package dimse

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"os"

	"github.com/cineloop/cineloop/internal/fault"
)

// bcp195 is the base of both sides' configurations: TLS 1.2 and 1.3, forward secrecy and authenticated encryption only (BCP 195, RFC 9325;
// PS3.15 annex B.12, the modified BCP 195 profile).
func bcp195() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		CipherSuites: []uint16{ // of TLS 1.2; those of 1.3 are all of this kind
			tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
		},
		Renegotiation: tls.RenegotiateNever,
	}
}

// TLSFiles are the PEM files of one side.
type TLSFiles struct {
	Cert, Key string // its own certificate with those between it and the root, and the private key
	CA        string // certificates that the other side's must come from
}

// ServerTLS is the configuration of a server. With a CA, clients must show a certificate from it.
func (f TLSFiles) ServerTLS() (*tls.Config, error) {
	c := bcp195()
	cert, err := f.pair()
	if err != nil {
		return nil, err
	}
	c.Certificates = []tls.Certificate{cert}
	if f.CA != "" {
		if c.ClientCAs, err = f.pool(); err != nil {
			return nil, err
		}
		c.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return c, nil
}

// ClientTLS is the configuration to call a server with. Without a CA the system's are trusted; without a certificate none is shown.
func (f TLSFiles) ClientTLS() (*tls.Config, error) {
	c := bcp195()
	if f.Cert != "" || f.Key != "" {
		cert, err := f.pair()
		if err != nil {
			return nil, err
		}
		c.Certificates = []tls.Certificate{cert}
	}
	if f.CA != "" {
		var err error
		if c.RootCAs, err = f.pool(); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (f TLSFiles) pair() (tls.Certificate, error) {
	cert, err := tls.LoadX509KeyPair(f.Cert, f.Key)
	if err != nil {
		return cert, fault.New(codeOfFile(err), "TLS certificate and key: %w", err)
	}
	return cert, nil
}

func (f TLSFiles) pool() (*x509.CertPool, error) {
	b, err := os.ReadFile(f.CA)
	if err != nil {
		return nil, fault.New(codeOfFile(err), "TLS certificates to trust: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(b) {
		return nil, fault.New(fault.Input, "%s holds no certificate in PEM form", f.CA)
	}
	return pool, nil
}

func codeOfFile(err error) fault.Code {
	if errors.Is(err, fs.ErrNotExist) {
		return fault.NotFound
	}
	return fault.Input
}
