package serve

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cineloop/cineloop/internal/fault"
)

func newAuthority(t *testing.T, dir string, hosts ...string) *Authority {
	t.Helper()
	a, err := OpenAuthority(dir, hosts)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestAuthority(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "tls")
	a := newAuthority(t, dir, "localhost", "127.0.0.1", "reading.example")
	for name, mode := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, AuthorityKeyFile): 0o600} {
		if st, err := os.Stat(name); err != nil || st.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", name, st.Mode(), err)
		}
	}
	if len(a.Fingerprint()) != 95 || strings.ToUpper(a.Fingerprint()) != a.Fingerprint() || strings.Count(a.Fingerprint(), ":") != 31 {
		t.Error(a.Fingerprint())
	}
	pem, err := os.ReadFile(a.Path())
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	addr, _ := running(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS == nil || r.TLS.Version != tls.VersionTLS13 {
			t.Error("no TLS 1.3")
		}
	}), Options{TLS: a.TLS()})
	get := func(cfg *tls.Config, host string) error {
		cfg.RootCAs, cfg.ServerName = pool, host
		c := &http.Client{Transport: &http.Transport{TLSClientConfig: cfg}}
		defer c.CloseIdleConnections()
		resp, err := c.Get("https://" + addr + "/")
		if err != nil {
			return err
		}
		if resp.Header.Get("Strict-Transport-Security") == "" {
			t.Error("no HSTS")
		}
		return resp.Body.Close()
	}
	for host, good := range map[string]bool{"127.0.0.1": true, "localhost": true, "reading.example": true, "evil.example": false, "10.0.0.1": false} {
		if err := get(&tls.Config{}, host); (err == nil) != good {
			t.Errorf("as %s: %v", host, err)
		}
	}
	if err := get(&tls.Config{MaxVersion: tls.VersionTLS11}, "localhost"); err == nil {
		t.Error("TLS 1.1")
	}
	if err := get(&tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}}, "localhost"); err == nil {
		t.Error("CBC")
	}

	// It stays the same one, and the server's certificate is renewed while it serves.
	b := newAuthority(t, dir, "localhost", "127.0.0.1")
	if b.Fingerprint() != a.Fingerprint() {
		t.Error("another authority")
	}
	first, err := b.current()
	if err != nil {
		t.Fatal(err)
	}
	if life := first.Leaf.NotAfter.Sub(first.Leaf.NotBefore); life > 8*24*time.Hour {
		t.Errorf("it lives for %v", life)
	}
	now := time.Now()
	b.now = func() time.Time { return now }
	now = now.Add(4 * 24 * time.Hour)
	if same, err := b.current(); err != nil || same != first {
		t.Errorf("renewed too early, %v", err)
	}
	now = now.Add(24 * time.Hour)
	second, err := b.TLS().GetCertificate(nil)
	if err != nil || second == first || !second.Leaf.NotAfter.After(first.Leaf.NotAfter) {
		t.Errorf("not renewed, %v", err)
	}
	if _, err := second.Leaf.Verify(x509.VerifyOptions{Roots: pool, DNSName: "localhost", CurrentTime: now}); err != nil {
		t.Error(err)
	}
	now = time.Now().Add(authorityFor - 3*24*time.Hour)
	if last, err := b.current(); err != nil || last.Leaf.NotAfter.After(b.cert.NotAfter) {
		t.Errorf("it outlives its authority, %v", err)
	}
}

// TestAuthoritySpeaksForFew: by its constraints it can't issue for names of others, whoever has the key.
func TestAuthoritySpeaksForFew(t *testing.T) {
	dir := t.TempDir()
	newAuthority(t, dir, "localhost", "192.168.1.7", "203.0.113.9", "Reading.Example")
	for _, c := range []struct {
		host string
		good bool
	}{
		{"reading.example", true}, {"localhost", true}, {"10.9.8.7", true}, {"192.168.200.1", true}, {"203.0.113.9", true}, {"fd00::1", true},
		{"203.0.113.10", false}, {"8.8.8.8", false}, {"bank.example", false}, {"example", false}, {"2001:db8::1", false},
	} {
		_, err := OpenAuthority(dir, []string{c.host})
		if (err == nil) != c.good || !c.good && fault.CodeOf(err) != fault.Conflict {
			t.Errorf("%s: %v", c.host, err)
		}
	}
}

func TestAuthorityDamaged(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(dir string) error
		code fault.Code
	}{
		"no key":         {func(dir string) error { return os.Remove(filepath.Join(dir, AuthorityKeyFile)) }, fault.Input},
		"an open key":    {func(dir string) error { return os.Chmod(filepath.Join(dir, AuthorityKeyFile), 0o644) }, fault.Usage},
		"no certificate": {func(dir string) error { return os.WriteFile(filepath.Join(dir, AuthorityFile), []byte("x"), 0o600) }, fault.Input},
		"another's key": {func(dir string) error {
			other := filepath.Join(dir, "other")
			if _, err := OpenAuthority(other, nil); err != nil {
				return err
			}
			return os.Rename(filepath.Join(other, AuthorityKeyFile), filepath.Join(dir, AuthorityKeyFile))
		}, fault.Input},
	} {
		dir := t.TempDir()
		newAuthority(t, dir, "localhost")
		if err := c.do(dir); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenAuthority(dir, []string{"localhost"}); fault.CodeOf(err) != c.code {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAuthorityAtOnce: servers that begin at the same time come to one authority.
func TestAuthorityAtOnce(t *testing.T) {
	dir := t.TempDir()
	var mu sync.Mutex
	seen := map[string]bool{}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			a, err := OpenAuthority(dir, []string{"localhost"})
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			seen[a.Fingerprint()] = true
			mu.Unlock()
		})
	}
	wg.Wait()
	if len(seen) != 1 {
		t.Errorf("%d authorities", len(seen))
	}
}

func TestLocalHosts(t *testing.T) {
	if got := LocalHosts("reading.example:8081", []string{"other.example", "localhost"}); strings.Join(got, " ") != "127.0.0.1 ::1 localhost other.example reading.example" {
		t.Error(got)
	}
	if got := LocalHosts("127.0.0.1:0", nil); strings.Join(got, " ") != "127.0.0.1 ::1 localhost" {
		t.Error(got)
	}
	name, err := os.Hostname()
	for _, listen := range []string{":8081", "0.0.0.0:8081", "[::]:8081"} {
		if got := LocalHosts(listen, nil); err == nil && !slices.Contains(got, name) {
			t.Errorf("%s: %v lacks %s", listen, got, name)
		}
	}
}
