package oidc

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/cineloop/cineloop/internal/fault"
)

const (
	timeout  = 10 * time.Second
	maxReply = 1 << 20
	again    = 10 * time.Second // after which an issuer that could not be reached is asked again
)

// Skew is how far the clocks of the issuer and of this machine may differ.
const Skew = time.Minute

// Client is this server at its issuer. Its methods may be called from many goroutines.
type Client struct {
	*Config
	http   *http.Client
	secret string
	now    func() time.Time

	mu     sync.Mutex
	issuer *issuer
	failed time.Time
	why    error
}

// issuer is what the discovery document says.
type issuer struct {
	provider *oidc.Provider
	verifier *oidc.IDTokenVerifier
	flow     oauth2.Config

	EndSession  string   `json:"end_session_endpoint"`
	NamesItself bool     `json:"authorization_response_iss_parameter_supported"`
	Auth        []string `json:"token_endpoint_auth_methods_supported"`
	Challenges  []string `json:"code_challenge_methods_supported"`
	Authorize   string   `json:"authorization_endpoint"`
	Token       string   `json:"token_endpoint"`
	Keys        string   `json:"jwks_uri"`
	UserInfo    string   `json:"userinfo_endpoint"`
}

// Open prepares the client of the configuration in a project's folder. The issuer is not asked yet. Codes as of [Read], and notfound or usage for
// the secret and the authority.
func Open(dir string) (*Client, error) {
	c, err := Read(dir)
	if err != nil {
		return nil, err
	}
	secret, err := c.secret()
	if err != nil {
		return nil, err
	}
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CA != "" {
		pem, err := os.ReadFile(c.file(c.CA))
		if err != nil {
			return nil, fault.New(fault.NotFound, "the issuer's authority: %w", err)
		}
		t.TLSClientConfig.RootCAs = x509.NewCertPool()
		if !t.TLSClientConfig.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fault.New(fault.Input, "%s holds no certificate", c.file(c.CA))
		}
	}
	return &Client{Config: c, secret: secret, now: time.Now, http: &http.Client{Timeout: timeout, Transport: bounded{t}}}, nil
}

// bounded cuts answers that are longer than any of an issuer is.
type bounded struct{ http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(resp.Body, maxReply), resp.Body}
	}
	return resp, err
}

// discover gives the issuer, which is asked once, and again after a while if it could not be reached.
func (c *Client) discover(ctx context.Context) (*issuer, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.issuer != nil {
		return c.issuer, nil
	}
	if c.why != nil && c.now().Sub(c.failed) < again {
		return nil, c.why
	}
	// Whoever waits behind this one takes its answer: the request's own end must not be it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	defer cancel()
	i, err := c.ask(oidc.ClientContext(ctx, c.http))
	if err != nil {
		c.failed, c.why = c.now(), err
		return nil, err
	}
	c.issuer, c.why = i, nil
	return i, nil
}

func (c *Client) ask(ctx context.Context) (*issuer, error) {
	p, err := oidc.NewProvider(ctx, c.Issuer)
	if mismatch, ok := errors.AsType[*oidc.IssuerMismatchError](err); ok {
		return nil, refuse(Unavailable, fault.New(fault.Usage, "the issuer calls itself %q, %s has another URL", mismatch.Discovered, File))
	}
	if err != nil {
		return nil, refuse(Unavailable, fault.New(fault.Missing, "the issuer's discovery document: %w", short(err)))
	}
	i := &issuer{provider: p}
	if err := p.Claims(i); err != nil {
		return nil, refuse(Unavailable, fault.New(fault.Missing, "the issuer's discovery document can't be read"))
	}
	for _, at := range []string{i.Authorize, i.Token, i.Keys} {
		if u, err := url.Parse(at); err != nil || !secureURL(u.Scheme+"://"+u.Host) {
			return nil, refuse(Unavailable, fault.New(fault.Missing, "the issuer's discovery document lacks an https endpoint"))
		}
	}
	if len(i.Challenges) > 0 && !slices.Contains(i.Challenges, "S256") {
		return nil, refuse(Unavailable, fault.New(fault.Missing, "the issuer does not take PKCE with S256"))
	}
	i.verifier = p.VerifierContext(ctx, &oidc.Config{ClientID: c.Client, Now: func() time.Time { return c.now().Add(-Skew) }})
	scopes := []string{oidc.ScopeOpenID}
	switch c.Claim {
	case "preferred_username":
		scopes = append(scopes, "profile")
	case "email":
		scopes = append(scopes, "email")
	}
	end := p.Endpoint()
	// Found out by trying, a code could be spent on the attempt that fails.
	end.AuthStyle = oauth2.AuthStyleInHeader
	if c.secret == "" || len(i.Auth) > 0 && !slices.Contains(i.Auth, "client_secret_basic") {
		end.AuthStyle = oauth2.AuthStyleInParams
	}
	i.flow = oauth2.Config{ClientID: c.Client, ClientSecret: c.secret, Endpoint: end, RedirectURL: c.RedirectURI(), Scopes: scopes}
	return i, nil
}

// Check asks the issuer for its discovery document and its keys, and compares clocks. Its answer is how far the issuer's clock is ahead.
func (c *Client) Check(ctx context.Context) (ahead time.Duration, err error) {
	i, err := c.discover(ctx)
	if err != nil {
		return 0, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, i.Keys, nil)
	if err != nil {
		return 0, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return 0, refuse(Unavailable, fault.New(fault.Missing, "the issuer's keys: %w", short(err)))
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return 0, refuse(Unavailable, fault.New(fault.Missing, "the issuer's keys: %s", resp.Status))
	}
	if at, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		ahead = at.Sub(c.now()).Round(time.Second)
	}
	return ahead, nil
}

// Logout is where a browser ends its session at the issuer (OpenID Connect RP-Initiated Logout 1.0); "" where there is none. It holds no token: the
// issuer may ask for a confirmation.
func (c *Client) Logout(ctx context.Context) string {
	i, err := c.discover(ctx)
	if err != nil || i.EndSession == "" {
		return ""
	}
	u, err := url.Parse(i.EndSession)
	if err != nil || !secureURL(u.Scheme+"://"+u.Host) {
		return ""
	}
	q := u.Query()
	q.Set("client_id", c.Client)
	q.Set("post_logout_redirect_uri", c.URL+LoginPath)
	u.RawQuery = q.Encode()
	return u.String()
}
