// Package oidctest is an OpenID provider for tests: discovery, keys, the code flow with PKCE, user info and logout over loopback, with signed tokens. It
// keeps the rules as a good one does, and breaks the one that a test tells it to.
package oidctest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"
)

// Issuer is a provider that knows one client and whoever Subject names.
type Issuer struct {
	*httptest.Server
	Client, Secret, Redirect string

	Mu       sync.Mutex
	User     map[string]any                      // claims of who is logged in there
	Info     map[string]any                      // what user info says; nil: the same
	Asked    time.Time                           // when they were last asked who they are; prompt=login asks now
	Stubborn bool                                // prompt=login is not heeded
	Deny     string                              // error of the authorization endpoint
	Silent   bool                                // does not name itself in its answers
	Tamper   func(header, claims map[string]any) // of every ID token
	Other    *ecdsa.PrivateKey                   // signs in place of its own key
	Discover func(document map[string]any)       // changes the discovery document
	Clock    func() time.Time
	Codes    int // given out

	key   *ecdsa.PrivateKey
	codes map[string]grant
	last  string // access token
}

type grant struct {
	challenge, nonce string
	auth, until      time.Time
}

// New starts one, which ends with the test.
func New(t testing.TB, client, secret, redirect string) *Issuer {
	t.Helper()
	i := &Issuer{Client: client, Secret: secret, Redirect: redirect, User: map[string]any{"sub": "0001"}, Clock: time.Now, key: Key(t), codes: map[string]grant{}}
	i.Asked = time.Now().Add(-time.Hour)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", i.discovery)
	mux.HandleFunc("GET /keys", i.keys)
	mux.HandleFunc("GET /authorize", i.authorize)
	mux.HandleFunc("POST /token", i.token)
	mux.HandleFunc("GET /userinfo", i.userInfo)
	mux.HandleFunc("GET /logout", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, r.URL.Query().Get("post_logout_redirect_uri"), http.StatusSeeOther)
	})
	i.Server = httptest.NewServer(mux)
	t.Cleanup(i.Close)
	return i
}

// Key is a new signing key.
func Key(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func (i *Issuer) discovery(w http.ResponseWriter, _ *http.Request) {
	i.Mu.Lock()
	defer i.Mu.Unlock()
	d := map[string]any{"issuer": i.URL, "authorization_endpoint": i.URL + "/authorize", "token_endpoint": i.URL + "/token", "jwks_uri": i.URL + "/keys", "userinfo_endpoint": i.URL + "/userinfo",
		"end_session_endpoint": i.URL + "/logout", "id_token_signing_alg_values_supported": []string{"ES256"}, "code_challenge_methods_supported": []string{"S256"},
		"token_endpoint_auth_methods_supported": []string{"client_secret_basic"}, "authorization_response_iss_parameter_supported": !i.Silent}
	if i.Discover != nil {
		i.Discover(d)
	}
	answer(w, http.StatusOK, d)
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func (i *Issuer) keys(w http.ResponseWriter, _ *http.Request) {
	point, err := i.key.PublicKey.Bytes() // 4, X, Y
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	answer(w, http.StatusOK, map[string]any{"keys": []any{map[string]any{"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": "one", "x": b64(point[1:33]), "y": b64(point[33:65])}}})
}

// authorize approves at once: who is logged in needs not be asked here.
func (i *Issuer) authorize(w http.ResponseWriter, r *http.Request) {
	i.Mu.Lock()
	defer i.Mu.Unlock()
	q := r.URL.Query()
	if q.Get("client_id") != i.Client || q.Get("redirect_uri") != i.Redirect || q.Get("response_type") != "code" {
		http.Error(w, "not this client", http.StatusBadRequest)
		return
	}
	back := url.Values{"state": {q.Get("state")}}
	if !i.Silent {
		back.Set("iss", i.URL)
	}
	switch {
	case i.Deny != "":
		back.Set("error", i.Deny)
	case q.Get("code_challenge") == "" || q.Get("code_challenge_method") != "S256":
		back.Set("error", "invalid_request")
	default:
		if q.Get("prompt") == "login" && !i.Stubborn {
			i.Asked = i.Clock()
		}
		code := rand.Text()
		i.Codes++
		i.codes[code] = grant{q.Get("code_challenge"), q.Get("nonce"), i.Asked, i.Clock().Add(time.Minute)}
		back.Set("code", code)
	}
	http.Redirect(w, r, i.Redirect+"?"+back.Encode(), http.StatusFound)
}

func (i *Issuer) token(w http.ResponseWriter, r *http.Request) {
	i.Mu.Lock()
	defer i.Mu.Unlock()
	no := func(code string) {
		answer(w, http.StatusBadRequest, map[string]any{"error": code, "error_description": "secret words"})
	}
	client, secret, basic := r.BasicAuth()
	if !basic {
		client, secret = r.FormValue("client_id"), r.FormValue("client_secret")
	}
	if client != i.Client || secret != i.Secret {
		answer(w, http.StatusUnauthorized, map[string]any{"error": "invalid_client"})
		return
	}
	code := r.PostFormValue("code")
	g, ok := i.codes[code]
	delete(i.codes, code) // once, right or wrong
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	if !ok || i.Clock().After(g.until) || r.PostFormValue("grant_type") != "authorization_code" || r.PostFormValue("redirect_uri") != i.Redirect || b64(sum[:]) != g.challenge {
		no("invalid_grant")
		return
	}
	i.last = rand.Text()
	half := sha256.Sum256([]byte(i.last))
	now := i.Clock()
	header := map[string]any{"alg": "ES256", "kid": "one", "typ": "JWT"}
	claims := map[string]any{"iss": i.URL, "aud": i.Client, "exp": now.Add(5 * time.Minute).Unix(), "iat": now.Unix(), "nonce": g.nonce, "auth_time": g.auth.Unix(), "at_hash": b64(half[:16])}
	for k, v := range i.User {
		claims[k] = v
	}
	if i.Tamper != nil {
		i.Tamper(header, claims)
	}
	answer(w, http.StatusOK, map[string]any{"access_token": i.last, "token_type": "Bearer", "expires_in": 300, "id_token": i.sign(header, claims)})
}

func (i *Issuer) sign(header, claims map[string]any) string {
	h, _ := json.Marshal(header)
	c, _ := json.Marshal(claims)
	text := b64(h) + "." + b64(c)
	key := i.key
	if i.Other != nil {
		key = i.Other
	}
	sum := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
	if err != nil || header["alg"] == "none" {
		return text + "."
	}
	var sig [64]byte
	r.FillBytes(sig[:32])
	s.FillBytes(sig[32:])
	return text + "." + b64(sig[:])
}

func (i *Issuer) userInfo(w http.ResponseWriter, r *http.Request) {
	i.Mu.Lock()
	defer i.Mu.Unlock()
	if i.last == "" || r.Header.Get("Authorization") != "Bearer "+i.last {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if i.Info != nil {
		answer(w, http.StatusOK, i.Info)
		return
	}
	answer(w, http.StatusOK, i.User)
}
