package serve

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"sync"
	"time"

	"github.com/cineloop/cineloop/internal/fault"
)

// LoadTLS is TLS by BCP 195 (1.2 and 1.3, forward secrecy) with a certificate that is read again when its file changes. clientCA names
// the authorities of clients that must show a certificate; "" asks for none.
func LoadTLS(cert, key, clientCA string) (*tls.Config, error) {
	l := &certificate{cert: cert, key: key}
	if _, err := l.get(); err != nil {
		return nil, err
	}
	cfg := bcp195(l.get)
	if clientCA != "" {
		pem, err := os.ReadFile(clientCA)
		if err != nil {
			return nil, fault.New(fault.NotFound, "the client authorities: %w", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fault.New(fault.Input, "%s holds no certificate", clientCA)
		}
		cfg.ClientCAs, cfg.ClientAuth = pool, tls.RequireAndVerifyClientCert
	}
	return cfg, nil
}

// bcp195 is TLS 1.3, and 1.2 with forward secrecy and authenticated encryption only (PS3.15 B.12, of BCP 195).
func bcp195(get func() (*tls.Certificate, error)) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return get() },
		CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
			tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256},
	}
}

// certificate is a pair of files.
type certificate struct {
	cert, key string

	mu      sync.Mutex
	loaded  *tls.Certificate
	changed time.Time
	looked  time.Time
}

// get gives the certificate, which is looked at again once a minute. A new one that can't be read leaves the old one in use.
func (c *certificate) get() (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.loaded != nil && time.Since(c.looked) < time.Minute {
		return c.loaded, nil
	}
	c.looked = time.Now()
	st, err := os.Stat(c.cert)
	if err == nil && c.loaded != nil && st.ModTime().Equal(c.changed) {
		return c.loaded, nil
	}
	pair, perr := tls.LoadX509KeyPair(c.cert, c.key)
	switch {
	case err == nil && perr == nil:
		c.loaded, c.changed = &pair, st.ModTime()
	case c.loaded != nil:
	case err != nil:
		return nil, fault.New(fault.NotFound, "the certificate: %w", err)
	default:
		return nil, fault.New(fault.Input, "the certificate and its key: %w", perr)
	}
	return c.loaded, nil
}
