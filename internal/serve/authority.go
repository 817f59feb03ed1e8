package serve

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cineloop/cineloop/internal/atomicfile"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/hold"
)

const (
	authorityFor = 10 * 365 * 24 * time.Hour
	leafFor      = 7 * 24 * time.Hour // a key that leaks is of use for a week at most, and it is nowhere but in memory
	early        = time.Hour          // of clocks that are behind
)

// Authority issues the certificate of a server on a network that has no authority of its own. Browsers have to be told to trust it, once. It can speak for
// the names that it was made for and for private addresses (RFC 1918, RFC 4193) alone: by its name constraints (RFC 5280, 4.2.1.10) a key that was stolen is
// of no use for other sites, in browsers that heed those of a root.
type Authority struct {
	path string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	dns  []string
	ips  []net.IP
	now  func() time.Time

	mu   sync.Mutex
	leaf *tls.Certificate
}

// AuthorityFile and its key are in the folder of an authority.
const (
	AuthorityFile    = "ca.pem"
	AuthorityKeyFile = "ca.key"
)

// OpenAuthority opens the authority in dir, which is made if there is none, to speak for hosts: names and addresses. Codes: conflict where it was made for
// other names, usage where others can read its key, input where its files are damaged.
func OpenAuthority(dir string, hosts []string) (*Authority, error) {
	a := &Authority{path: filepath.Join(dir, AuthorityFile), now: time.Now}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			a.ips = append(a.ips, ip)
		} else if h != "" {
			a.dns = append(a.dns, strings.ToLower(h))
		}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("the authority: %w", err)
	}
	lock, err := hold.File(filepath.Join(dir, "ca.lock"))
	for begun := time.Now(); errors.Is(err, hold.ErrHeld) && time.Since(begun) < 10*time.Second; lock, err = hold.File(filepath.Join(dir, "ca.lock")) {
		time.Sleep(10 * time.Millisecond) // another server is making it
	}
	if err != nil {
		return nil, fmt.Errorf("the authority: %w", err)
	}
	defer lock.Close()
	if _, err := os.Stat(a.path); errors.Is(err, fs.ErrNotExist) {
		if err := a.make(dir); err != nil {
			return nil, err
		}
	}
	if err := a.load(dir); err != nil {
		return nil, err
	}
	if _, err := a.current(); err != nil {
		return nil, err
	}
	return a, nil
}

// private are addresses that nobody has on the internet, and this machine's own.
var private = func() (out []*net.IPNet) {
	for _, s := range []string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "169.254.0.0/16", "::1/128", "fc00::/7", "fe80::/10"} {
		_, n, err := net.ParseCIDR(s)
		if err != nil {
			panic(err)
		}
		out = append(out, n)
	}
	return out
}()

func (a *Authority) make(dir string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fault.New(fault.Internal, "the authority's key: %w", err)
	}
	host, _ := os.Hostname()
	ranges := slices.Clone(private)
	for _, ip := range a.ips {
		if !slices.ContainsFunc(private, func(n *net.IPNet) bool { return n.Contains(ip) }) {
			bits := 128
			if four := ip.To4(); four != nil {
				ip, bits = four, 32
			}
			ranges = append(ranges, &net.IPNet{IP: ip, Mask: net.CIDRMask(bits, bits)})
		}
	}
	names := append([]string{"localhost"}, a.dns...)
	slices.Sort(names)
	t := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: "Cineloop on " + host, Organization: []string{"Cineloop"}},
		NotBefore: a.now().Add(-early), NotAfter: a.now().Add(authorityFor), IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
		KeyUsage: x509.KeyUsageCertSign, PermittedDNSDomainsCritical: true, PermittedDNSDomains: slices.Compact(names), PermittedIPRanges: ranges,
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
	if err != nil {
		return fault.New(fault.Internal, "the authority's certificate: %w", err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fault.New(fault.Internal, "the authority's key: %w", err)
	}
	// The key first, and never readable by others: made with its mode, not given it afterwards.
	path := filepath.Join(dir, AuthorityKeyFile)
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the authority's key: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("the authority's key: %w", err)
	}
	err = pem.Encode(f, &pem.Block{Type: "PRIVATE KEY", Bytes: raw})
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fault.New(fault.Resource, "the authority's key: %w", err)
	}
	return atomicfile.WriteBytes(a.path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func (a *Authority) load(dir string) error {
	damaged := func() error {
		return fault.New(fault.Input, "the authority in %s is damaged", dir).WithHint("take %s and %s away, and browsers have to trust a new one", AuthorityFile, AuthorityKeyFile)
	}
	path := filepath.Join(dir, AuthorityKeyFile)
	st, err := os.Stat(path)
	if err != nil {
		return damaged()
	}
	if st.Mode().Perm()&0o077 != 0 {
		return fault.New(fault.Usage, "%s can be read by others on this machine", path).WithHint("chmod 600 %s, and make a new one if they may have", path)
	}
	pair, err := tls.LoadX509KeyPair(a.path, path)
	if err != nil || pair.Leaf == nil {
		return damaged()
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok || !pair.Leaf.IsCA || !a.now().Before(pair.Leaf.NotAfter) {
		return damaged()
	}
	a.cert, a.key = pair.Leaf, key
	return nil
}

func serial() *big.Int {
	var b [16]byte
	rand.Read(b[:])
	b[0] &= 0x7f
	return new(big.Int).SetBytes(b[:])
}

// current is the server's certificate; a new one is issued when a third of its time is left.
func (a *Authority) current() (*tls.Certificate, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.now()
	if a.leaf != nil && now.Before(a.leaf.Leaf.NotAfter.Add(-leafFor/3)) {
		return a.leaf, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fault.New(fault.Internal, "the server's key: %w", err)
	}
	end := now.Add(leafFor)
	if end.After(a.cert.NotAfter) {
		end = a.cert.NotAfter
	}
	t := &x509.Certificate{SerialNumber: serial(), Subject: pkix.Name{CommonName: "Cineloop"}, NotBefore: now.Add(-early), NotAfter: end,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true, DNSNames: a.dns, IPAddresses: a.ips}
	der, err := x509.CreateCertificate(rand.Reader, t, a.cert, key.Public(), a.key)
	if err != nil {
		return nil, fault.New(fault.Internal, "the server's certificate: %w", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fault.New(fault.Internal, "the server's certificate: %w", err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: pool, CurrentTime: now}); err != nil {
		return nil, fault.New(fault.Conflict, "the authority %s was not made for all of %s", a.path, strings.Join(a.Hosts(), ", ")).
			WithHint("listen on a name that it was made for, or take it away: browsers then have to trust a new one")
	}
	a.leaf = &tls.Certificate{Certificate: [][]byte{der, a.cert.Raw}, PrivateKey: key, Leaf: leaf}
	return a.leaf, nil
}

// Hosts are the names and addresses that it speaks for now.
func (a *Authority) Hosts() []string {
	out := slices.Clone(a.dns)
	for _, ip := range a.ips {
		out = append(out, ip.String())
	}
	return out
}

// TLS is a server's configuration by BCP 195, with a certificate that is renewed while it is used.
func (a *Authority) TLS() *tls.Config {
	return bcp195(a.current)
}

// Path is the file with its certificate, which browsers have to trust.
func (a *Authority) Path() string { return a.path }

// Fingerprint is the SHA-256 of its certificate, as browsers show it.
func (a *Authority) Fingerprint() string {
	sum := sha256.Sum256(a.cert.Raw)
	return strings.ReplaceAll(strings.ToUpper(fmt.Sprintf("% x", sum[:])), " ", ":")
}

// LocalHosts are the names and addresses by which a server that listens on an address can be reached: of 0.0.0.0 this machine's name and its private
// addresses. More are names that it is known by beside.
func LocalHosts(listen string, more []string) []string {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		host = listen
	}
	out := []string{"localhost", "127.0.0.1", "::1"}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		if name, err := os.Hostname(); err == nil && name != "" {
			out = append(out, name)
		}
		addrs, _ := net.InterfaceAddrs()
		for _, addr := range addrs {
			if n, ok := addr.(*net.IPNet); ok && n.IP.IsPrivate() {
				out = append(out, n.IP.String())
			}
		}
	} else {
		out = append(out, host)
	}
	out = append(out, more...)
	slices.Sort(out)
	return slices.Compact(out)
}
