package serve

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cineloop/cineloop/internal/fault"
)

// running is a service under test.
func running(t *testing.T, h http.Handler, opts Options) (addr string, stop func() error) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, ln, h, opts) }()
	once := sync.OnceValue(func() error { cancel(); return <-ended })
	t.Cleanup(func() { once() })
	return ln.Addr().String(), once
}

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func TestLogsNameNobody(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /studies/{study}", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "hello") })
	mux.HandleFunc("GET /defect/{x}", func(http.ResponseWriter, *http.Request) { panic("Doe^Jane") })
	mux.HandleFunc("GET /broken", func(w http.ResponseWriter, _ *http.Request) {
		w.Write([]byte("half"))
		panic(http.ErrAbortHandler)
	})
	var log safeBuffer
	addr, stop := running(t, mux, Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	for path, want := range map[string]int{"/studies/1.2.3?PatientName=Doe^Jane": 200, "/defect/Doe": 500, "/Doe/Jane": 404} {
		resp, err := http.Get("http://" + addr + path)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != want || strings.Contains(string(b), "Doe") {
			t.Errorf("%s: %d %s", path, resp.StatusCode, b)
		}
		if resp.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Error("no nosniff")
		}
	}
	resp, err := http.Get("http://" + addr + "/broken")
	if err == nil {
		_, err = io.ReadAll(resp.Body)
		resp.Body.Close()
	}
	if err == nil {
		t.Error("a broken answer looks whole")
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"Doe", "Jane", "1.2.3"} {
		if strings.Contains(log.String(), bad) {
			t.Errorf("the log names %s:\n%s", bad, log.String())
		}
	}
	for _, good := range []string{`route="GET /studies/{study}" status=200 bytes=5`, "status=500", "status=404", "broken=true", "defect"} {
		if !strings.Contains(log.String(), good) {
			t.Errorf("the log lacks %s:\n%s", good, log.String())
		}
	}
}

func TestSlowClientsAreCutOff(t *testing.T) {
	got := make(chan error, 2)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /in", func(_ http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, r.Body)
		got <- err
	})
	mux.HandleFunc("GET /out", func(w http.ResponseWriter, _ *http.Request) {
		b := make([]byte, 1<<20)
		for {
			if _, err := w.Write(b); err != nil {
				got <- err
				return
			}
		}
	})
	addr, _ := running(t, mux, Options{Stall: 150 * time.Millisecond})
	for name, request := range map[string]string{
		"sends nothing": "POST /in HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc",
		"takes nothing": "GET /out HTTP/1.1\r\nHost: x\r\n\r\n",
	} {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(c, request)
		select {
		case err := <-got:
			if err == nil {
				t.Errorf("%s: no error", name)
			}
		case <-time.After(20 * time.Second):
			t.Errorf("%s: the handler still waits", name)
		}
		c.Close()
	}
}

func TestTricklingIsCutOff(t *testing.T) {
	p := pace{set: func(time.Time) error { return nil }, opts: &Options{Stall: time.Second, MinRate: 1000}}
	p.spent, p.bytes = 3*time.Second, 1999 // 1 s of grace and 1.999 s for the bytes
	if _, err := p.do(func() (int, error) { return 1, nil }); err != errSlow {
		t.Errorf("too slow: %v", err)
	}
	p.bytes = 2001
	if n, err := p.do(func() (int, error) { return 1, nil }); n != 1 || err != nil {
		t.Errorf("just fast enough: %v", err)
	}
	if _, err := p.do(func() (int, error) { return 0, os.ErrDeadlineExceeded }); err != errSlow {
		t.Errorf("%v", err)
	}
}

func TestSlowHeadersAndGarbage(t *testing.T) {
	addr, _ := running(t, http.NotFoundHandler(), Options{})
	for _, s := range []string{"\x16\x03\x01garbage\r\n\r\n", "GET / HTTP/1.1\r\n" + strings.Repeat("X: "+strings.Repeat("y", 1000)+"\r\n", 100) + "\r\n"} {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(c, s)
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err == nil && resp.StatusCode < 400 {
			t.Errorf("%.20q: %d", s, resp.StatusCode)
		}
		c.Close()
	}
}

func TestCrossOrigin(t *testing.T) {
	h, err := Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusOK) }), Options{Origins: []string{"https://viewer.example"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, method string
		header       map[string]string
		want         int
		allowed      string
	}{
		{"a program", "POST", nil, 200, ""},
		{"the same site", "POST", map[string]string{"Sec-Fetch-Site": "same-origin", "Origin": "http://example.com"}, 200, ""},
		{"another site changes something", "POST", map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}, 403, ""},
		{"an old browser", "POST", map[string]string{"Origin": "https://evil.example"}, 403, ""},
		{"another site reads", "GET", map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}, 200, ""},
		{"the viewer reads", "GET", map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://viewer.example"}, 200, "https://viewer.example"},
		{"the viewer stores", "POST", map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://viewer.example"}, 200, "https://viewer.example"},
		{"the viewer asks first", "OPTIONS", map[string]string{"Origin": "https://viewer.example", "Access-Control-Request-Method": "POST"}, 204, "https://viewer.example"},
		{"another asks first", "OPTIONS", map[string]string{"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}, 200, ""},
		{"its port matters", "GET", map[string]string{"Origin": "https://viewer.example:8443"}, 200, ""},
	} {
		r := httptest.NewRequest(c.method, "http://example.com/x", nil)
		for k, v := range c.header {
			r.Header.Set(k, v)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != c.want || w.Header().Get("Access-Control-Allow-Origin") != c.allowed {
			t.Errorf("%s: %d, allowed %q", c.name, w.Code, w.Header().Get("Access-Control-Allow-Origin"))
		}
		if w.Header().Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%s: cookies are allowed", c.name)
		}
	}
	for _, o := range []string{"*", "viewer.example", "https://viewer.example/", "ftp://x", "null"} {
		if _, err := Handler(http.NotFoundHandler(), Options{Origins: []string{o}}); fault.CodeOf(err) != fault.Usage {
			t.Errorf("%q: %v", o, err)
		}
	}
}

func TestLimits(t *testing.T) {
	inside, release := make(chan struct{}), make(chan struct{})
	h, _ := Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { inside <- struct{}{}; <-release }), Options{Requests: 2, Rate: 1000})
	ask := func(h http.Handler, from string) int {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = from
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code
	}
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() { ask(h, "10.0.0.1:1") })
		<-inside
	}
	if got := ask(h, "10.0.0.1:1"); got != http.StatusServiceUnavailable {
		t.Errorf("a third request is taken: %d", got)
	}
	close(release)
	wg.Wait()
	h, _ = Handler(http.NotFoundHandler(), Options{Rate: 0.001, Burst: 3})
	for i, want := range []int{404, 404, 404, 429} {
		if got := ask(h, "10.0.0.1:1"); got != want {
			t.Errorf("request %d: %d", i, got)
		}
	}
	if got := ask(h, "10.0.0.2:1"); got != 404 {
		t.Errorf("another address: %d", got)
	}
}

func TestGracefulEnd(t *testing.T) {
	inside, release := make(chan struct{}), make(chan struct{})
	addr, stop := running(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(inside)
		<-release
		io.WriteString(w, "whole")
	}), Options{})
	got := make(chan string, 1)
	go func() {
		resp, err := http.Get("http://" + addr)
		if err != nil {
			got <- err.Error()
			return
		}
		b, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		got <- string(b)
	}()
	<-inside
	ended := make(chan error, 1)
	go func() { ended <- stop() }()
	for { // until no new connection is taken
		c, err := net.Dial("tcp", addr)
		if err != nil {
			break
		}
		c.Close()
	}
	close(release)
	if s := <-got; s != "whole" {
		t.Errorf("the request under way got %q", s)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// pair writes a certificate and its key.
func pair(t *testing.T, dir string) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, tpl, tpl, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	kb, _ := x509.MarshalPKCS8PrivateKey(k)
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: kb}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

func TestTLS(t *testing.T) {
	dir := t.TempDir()
	cert, key := pair(t, dir)
	cfg, err := LoadTLS(cert, key, "")
	if err != nil {
		t.Fatal(err)
	}
	addr, _ := running(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Proto) }), Options{TLS: cfg})
	pool := x509.NewCertPool()
	b, _ := os.ReadFile(cert)
	pool.AppendCertsFromPEM(b)
	get := func(c *tls.Config) (string, error) {
		tr := &http.Transport{TLSClientConfig: c, ForceAttemptHTTP2: true}
		defer tr.CloseIdleConnections()
		resp, err := (&http.Client{Transport: tr}).Get("https://" + addr)
		if err != nil {
			return "", err
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if resp.Header.Get("Strict-Transport-Security") == "" {
			t.Error("no HSTS")
		}
		return string(b), err
	}
	if s, err := get(&tls.Config{RootCAs: pool}); s != "HTTP/2.0" || err != nil {
		t.Errorf("%q, %v", s, err)
	}
	if _, err := get(&tls.Config{RootCAs: pool, MaxVersion: tls.VersionTLS11}); err == nil {
		t.Error("TLS 1.1 is accepted")
	}
	mutual, err := LoadTLS(cert, key, cert)
	if err != nil {
		t.Fatal(err)
	}
	addr, _ = running(t, http.NotFoundHandler(), Options{TLS: mutual})
	if _, err := get(&tls.Config{RootCAs: pool}); err == nil {
		t.Error("a client without a certificate is accepted")
	}
	for name, f := range map[string][3]string{"no file": {cert + "x", key, ""}, "no key": {cert, cert, ""}, "no authority": {cert, key, key}, "no authorities": {cert, key, key + "x"}} {
		if _, err := LoadTLS(f[0], f[1], f[2]); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
