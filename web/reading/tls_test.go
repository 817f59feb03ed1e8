package reading

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/cineloop/cineloop/internal/serve"
)

// TestOverTLS: a session as a browser has it on a network: HTTPS by the built-in authority, the cookie kept by the rules of cookies, ops over a WebSocket.
func TestOverTLS(t *testing.T) {
	st := newStudy(t, "panel", loop)
	a, err := serve.OpenAuthority(t.TempDir(), serve.LocalHosts("127.0.0.1:0", nil))
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(st.Project, Options{})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	opts := serve.Options{TLS: a.TLS()}
	opts.TLS.NextProtos = []string{"http/1.1"}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, ln, opts) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()

	pem, err := os.ReadFile(a.Path())
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	jar, _ := cookiejar.New(nil)
	browser := &http.Client{Jar: jar, Timeout: 30 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	url := "https://" + ln.Addr().String()
	if _, err := http.Get(url); err == nil || !strings.Contains(err.Error(), "unknown authority") {
		t.Errorf("who does not trust the authority: %v", err)
	}
	resp, err := browser.Post(url+"/api/session", "application/json", strings.NewReader(`{"name":"ann","password":"`+password("ann")+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 204 || resp.TLS.Version != tls.VersionTLS13 || resp.Header.Get("Strict-Transport-Security") == "" {
		t.Fatalf("%d, TLS %x, %v", resp.StatusCode, resp.TLS.Version, resp.Header)
	}
	resp, err = browser.Get(url + "/api/worklist")
	if err != nil {
		t.Fatal(err)
	}
	b, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	if resp.StatusCode != 200 {
		t.Fatalf("%d %s", resp.StatusCode, b)
	}
	for _, origin := range []string{"https://evil.example", url} {
		c, resp, err := websocket.Dial(ctx, "wss"+strings.TrimPrefix(url, "https")+"/api/events", &websocket.DialOptions{HTTPClient: browser, HTTPHeader: http.Header{"Origin": {origin}}})
		if origin != url {
			if err == nil || resp == nil || resp.StatusCode != 403 {
				t.Errorf("a socket of another site: %v", err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		task := st.tasks("ann")[0].Assignment
		if err := c.Write(ctx, websocket.MessageText, []byte(`{"id":"1","kind":"reading.open","object":"`+task+`"}`)); err != nil {
			t.Fatal(err)
		}
		for {
			_, b, err := c.Read(ctx)
			if err != nil {
				t.Fatal(err)
			}
			var v message
			if err := json.Unmarshal(b, &v); err != nil {
				t.Fatal(err)
			}
			if v.Refused != nil {
				t.Fatalf("%s", b)
			}
			if v.Receipt != nil {
				break
			}
		}
		_ = c.Close(websocket.StatusNormalClosure, "")
	}
	browser.CloseIdleConnections()
}
