package oidc

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/web/reading/oidc/oidctest"
)

const base = "http://localhost:8081"

// configured writes a project's folder whose issuer is i.
func configured(t *testing.T, i *oidctest.Issuer, claim, more string) string {
	t.Helper()
	dir := t.TempDir()
	yaml := fmt.Sprintf("version: 1\nissuer: %s\nclient: reading\nsecret_file: secret\nurl: %s/\nclaim: %s\n%s", i.URL, base, claim, more)
	for name, text := range map[string]string{File: yaml, "secret": "s3cret\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func newIssuer(t *testing.T) *oidctest.Issuer {
	i := oidctest.New(t, "reading", "s3cret", base+CallbackPath)
	i.User = map[string]any{"sub": "0001", "preferred_username": "ann", "email": "ann@hospital.example", "email_verified": true}
	return i
}

func client(t *testing.T, i *oidctest.Issuer, claim, more string) *Client {
	t.Helper()
	c, err := Open(configured(t, i, claim, more))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// browse does what a browser does at the issuer: follow it to the address it comes back to.
func browse(t *testing.T, to string) url.Values {
	t.Helper()
	h := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := h.Get(to)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	u, err := url.Parse(resp.Header.Get("Location"))
	if err != nil || !strings.HasPrefix(u.String(), base+CallbackPath+"?") {
		t.Fatalf("%d: back to %q", resp.StatusCode, u)
	}
	return u.Query()
}

// TestLogin: each way in which an answer can be wrong has its reason, and none gets through.
func TestLogin(t *testing.T) {
	for _, c := range []struct {
		name, claim, more string
		fresh             bool
		set               func(*oidctest.Issuer)
		answer            func(t *testing.T, c *Client, a *Attempt, q url.Values)
		want              string // claim's value
		reason            Reason
	}{
		{name: "a user name", want: "ann"},
		{name: "an address", claim: "email", want: "ann@hospital.example"},
		{name: "a subject", claim: "sub", more: "members: {\"0001\": ann}\n", want: "0001"},
		{name: "an issuer that does not name itself", set: func(i *oidctest.Issuer) { i.Silent = true }, want: "ann"},
		{name: "a fresh proof", fresh: true, want: "ann"},
		{name: "several audiences, this client named", set: claimIs("aud", []string{"reading", "other"}, "azp", "reading"), want: "ann"},
		{name: "clocks half a minute apart", set: claimIs("exp", time.Now().Add(-30*time.Second).Unix(), "iat", time.Now().Add(30*time.Second).Unix()), want: "ann"},
		{name: "the claim by user info alone", set: func(i *oidctest.Issuer) { i.Info, i.User = i.User, map[string]any{"sub": "0001"} }, want: "ann"},
		{name: "an address verified in words", claim: "email", set: claimIs("email_verified", "true"), want: "ann@hospital.example"},

		{name: "wrong state", answer: query("state", "made up"), reason: State},
		{name: "no state", answer: query("state"), reason: State},
		{name: "two states", answer: func(_ *testing.T, _ *Client, a *Attempt, q url.Values) { q["state"] = []string{a.state, "x"} }, reason: State},
		{name: "another attempt's state", answer: func(t *testing.T, c *Client, _ *Attempt, q url.Values) {
			other, _, err := c.Begin(context.Background(), false)
			if err != nil {
				t.Fatal(err)
			}
			q.Set("state", other.state)
		}, reason: State},
		{name: "wrong nonce", set: claimIs("nonce", "another"), reason: Nonce},
		{name: "no nonce", set: claimIs("nonce", nil), reason: Nonce},
		{name: "wrong audience", set: claimIs("aud", "another client"), reason: Token},
		{name: "several audiences, none named", set: claimIs("aud", []string{"reading", "other"}), reason: Token},
		{name: "another party", set: claimIs("azp", "other"), reason: Token},
		{name: "expired", set: claimIs("exp", time.Now().Add(-2*time.Minute).Unix()), reason: Expired},
		{name: "no expiry", set: claimIs("exp", nil), reason: Expired},
		{name: "of tomorrow", set: claimIs("iat", time.Now().Add(24*time.Hour).Unix()), reason: Clock},
		{name: "a token of another issuer", set: claimIs("iss", "https://evil.example"), reason: Token},
		{name: "another's key", set: func(i *oidctest.Issuer) { i.Other = oidctest.Key(t) }, reason: Token},
		{name: "an unknown key", set: headerIs("kid", "two"), reason: Token},
		{name: "no signature", set: headerIs("alg", "none"), reason: Token},
		{name: "the client's secret as a key", set: headerIs("alg", "HS256"), reason: Token},
		{name: "no subject", set: claimIs("sub", nil), reason: Token},
		{name: "another access token", set: claimIs("at_hash", "AAAAAAAAAAAAAAAAAAAAAA"), reason: Token},
		{name: "an answer of another issuer", answer: query("iss", "https://evil.example"), reason: MixUp},
		{name: "two issuers", answer: func(_ *testing.T, _ *Client, _ *Attempt, q url.Values) { q.Add("iss", "https://evil.example") }, reason: MixUp},
		{name: "an issuer that names itself, once not", answer: query("iss"), reason: MixUp},
		{name: "denied", set: func(i *oidctest.Issuer) { i.Deny = "access_denied" }, reason: Declined},
		{name: "no code", answer: query("code"), reason: Code},
		{name: "a made-up code", answer: query("code", "made up"), reason: Code},
		{name: "the code of another attempt, without its verifier", answer: func(t *testing.T, c *Client, _ *Attempt, q url.Values) {
			_, to, err := c.Begin(context.Background(), false)
			if err != nil {
				t.Fatal(err)
			}
			q.Set("code", browse(t, to).Get("code"))
		}, reason: Code},
		{name: "a verifier that was lost", answer: func(_ *testing.T, _ *Client, a *Attempt, _ url.Values) { a.verifier = "" }, reason: Code},
		{name: "a code used before", answer: func(t *testing.T, c *Client, a *Attempt, q url.Values) {
			if _, err := c.Finish(context.Background(), a, q); err != nil {
				t.Fatal(err)
			}
		}, reason: Code},
		{name: "a wrong secret", set: func(i *oidctest.Issuer) { i.Secret = "another" }, reason: Unavailable},
		{name: "not asked anew", fresh: true, set: func(i *oidctest.Issuer) { i.Stubborn = true }, reason: NotFresh},
		{name: "nothing said of when", fresh: true, set: claimIs("auth_time", nil), reason: NotFresh},
		{name: "asked in the future", fresh: true, set: claimIs("auth_time", time.Now().Add(time.Hour).Unix()), reason: NotFresh},
		{name: "no claim", set: func(i *oidctest.Issuer) { delete(i.User, "preferred_username") }, reason: Claim},
		{name: "an address that nobody verified", claim: "email", set: claimIs("email_verified", false), reason: Claim},
		{name: "nothing said of the address", claim: "email", set: claimIs("email_verified", nil), reason: Claim},
		{name: "user info about another", set: func(i *oidctest.Issuer) {
			i.User, i.Info = map[string]any{"sub": "0001"}, map[string]any{"sub": "0002", "preferred_username": "ann"}
		}, reason: Token},
		{name: "a claim without end", set: claimIs("preferred_username", strings.Repeat("a", 300)), reason: Claim},
	} {
		t.Run(c.name, func(t *testing.T) {
			i := newIssuer(t)
			if c.set != nil {
				c.set(i)
			}
			if c.claim == "" {
				c.claim = "preferred_username"
			}
			cl := client(t, i, c.claim, c.more)
			a, to, err := cl.Begin(context.Background(), c.fresh)
			if err != nil {
				t.Fatal(err)
			}
			q := browse(t, to)
			if c.answer != nil {
				c.answer(t, cl, a, q)
			}
			id, err := cl.Finish(context.Background(), a, q)
			if ReasonOf(err) != c.reason || id.Claim != c.want || (err == nil) != (c.reason == "") {
				t.Errorf("%+v, %v (%s); want %q, %q", id, err, ReasonOf(err), c.want, c.reason)
			}
			if err != nil && (strings.Contains(err.Error(), "secret words") || q.Has("code") && strings.Contains(err.Error(), q.Get("code"))) {
				t.Errorf("it tells too much: %v", err)
			}
		})
	}
}

// claimIs changes claims of every token; nil takes one away.
func claimIs(pairs ...any) func(*oidctest.Issuer) {
	return tamper(func(_, claims map[string]any) map[string]any { return claims }, pairs)
}

func headerIs(pairs ...any) func(*oidctest.Issuer) {
	return tamper(func(header, _ map[string]any) map[string]any { return header }, pairs)
}

func tamper(which func(header, claims map[string]any) map[string]any, pairs []any) func(*oidctest.Issuer) {
	return func(i *oidctest.Issuer) {
		i.Tamper = func(header, claims map[string]any) {
			for n := 0; n < len(pairs); n += 2 {
				if pairs[n+1] == nil {
					delete(which(header, claims), pairs[n].(string))
				} else {
					which(header, claims)[pairs[n].(string)] = pairs[n+1]
				}
			}
		}
	}
}

// query changes a parameter of the answer, or takes it away.
func query(name string, value ...string) func(*testing.T, *Client, *Attempt, url.Values) {
	return func(_ *testing.T, _ *Client, _ *Attempt, q url.Values) {
		q.Del(name)
		if len(value) > 0 {
			q.Set(name, value[0])
		}
	}
}

// TestWhatTheBrowserCarries: no token, no secret, no verifier; state, nonce and challenge are new each time.
func TestWhatTheBrowserCarries(t *testing.T) {
	i := newIssuer(t)
	c := client(t, i, "preferred_username", "")
	seen := map[string]bool{}
	for _, fresh := range []bool{false, true, false} {
		a, to, err := c.Begin(context.Background(), fresh)
		if err != nil {
			t.Fatal(err)
		}
		u, _ := url.Parse(to)
		q := u.Query()
		if q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) != 43 || q.Get("response_type") != "code" || q.Get("redirect_uri") != base+CallbackPath || q.Get("scope") != "openid profile" {
			t.Errorf("%v", q)
		}
		if (q.Get("prompt") == "login") != fresh || (q.Get("max_age") == "0") != fresh {
			t.Errorf("fresh %v: %v", fresh, q)
		}
		if strings.Contains(to, a.verifier) || strings.Contains(to, "s3cret") {
			t.Errorf("%s", to)
		}
		for _, k := range []string{"state", "nonce", "code_challenge"} {
			if v := q.Get(k); len(v) < 22 || seen[v] {
				t.Errorf("%s %q", k, v)
			} else {
				seen[v] = true
			}
		}
	}
	if out := c.Logout(context.Background()); !strings.HasPrefix(out, i.URL+"/logout?") || !strings.Contains(out, url.QueryEscape(base+LoginPath)) || strings.Contains(out, "token") {
		t.Errorf("logout %s", out)
	}
}

func TestDiscovery(t *testing.T) {
	for name, c := range map[string]struct {
		set  func(*oidctest.Issuer)
		want string
	}{
		"another issuer": {func(i *oidctest.Issuer) { i.Discover = func(d map[string]any) { d["issuer"] = "https://evil.example" } }, "calls itself"},
		"no JSON":        {func(i *oidctest.Issuer) { i.Config.Handler = http.NotFoundHandler() }, "discovery document: 404"},
		"keys in the clear": {func(i *oidctest.Issuer) {
			i.Discover = func(d map[string]any) { d["jwks_uri"] = "http://keys.example/" }
		}, "lacks an https endpoint"},
		"codes in the clear": {func(i *oidctest.Issuer) {
			i.Discover = func(d map[string]any) { d["token_endpoint"] = "http://keys.example/" }
		}, "lacks an https endpoint"},
		"no PKCE worth it": {func(i *oidctest.Issuer) {
			i.Discover = func(d map[string]any) { d["code_challenge_methods_supported"] = []string{"plain"} }
		}, "S256"},
		"gone":                      {func(i *oidctest.Issuer) { i.Close() }, "refused"},
		"a document of wrong types": {func(i *oidctest.Issuer) { i.Discover = func(d map[string]any) { d["end_session_endpoint"] = 7 } }, "can't be read"},
	} {
		i := newIssuer(t)
		dir := configured(t, i, "sub", "members: {x: y}\n")
		cl, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		c.set(i)
		_, _, err = cl.Begin(context.Background(), false)
		if ReasonOf(err) != Unavailable || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if cl.Logout(context.Background()) != "" {
			t.Errorf("%s: logout somewhere", name)
		}
	}

	// An issuer that comes back is found again; in between nobody waits for it.
	i := newIssuer(t)
	cl := client(t, i, "preferred_username", "")
	now := time.Now()
	cl.now = func() time.Time { return now }
	i.Discover = func(d map[string]any) { d["issuer"] = "x" }
	if _, err := cl.Check(context.Background()); ReasonOf(err) != Unavailable {
		t.Fatal(err)
	}
	i.Mu.Lock()
	i.Discover = nil
	i.Mu.Unlock()
	if _, err := cl.Check(context.Background()); ReasonOf(err) != Unavailable {
		t.Error("it was asked again at once")
	}
	now = now.Add(again)
	if _, err := cl.Check(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestConfiguration(t *testing.T) {
	good := "version: 1\nissuer: https://login.example/realms/x\nclient: reading\nurl: https://reading.example\n"
	for text, want := range map[string]struct {
		code fault.Code
		says string
	}{
		good:                          {"", ""},
		good + "claim: email\n":       {"", ""},
		good + "claim: name\n":        {fault.Usage, "claim"},
		good + "claim: sub\n":         {fault.Usage, "members"},
		good + "clame: sub\n":         {fault.Usage, "clame"},
		good + "secret_file: gone\n":  {fault.NotFound, "secret"},
		good + "secret_file: open\n":  {fault.Usage, "chmod 600"},
		good + "secret_file: empty\n": {fault.Input, "no secret"},
		good + "ca: gone\n":           {fault.NotFound, "authority"},
		good + "ca: empty\n":          {fault.Input, "no certificate"},
		strings.Replace(good, "version: 1", "version: 2", 1):                                 {fault.Conflict, "version"},
		strings.Replace(good, "https://login", "http://login", 1):                            {fault.Usage, "issuer"},
		strings.Replace(good, "https://login", "https://user:pw@login", 1):                   {fault.Usage, "issuer"},
		strings.Replace(good, "https://reading.example", "https://reading.example/app", 1):   {fault.Usage, "url"},
		strings.Replace(good, "https://reading.example", "http://reading.example", 1):        {fault.Usage, "url"},
		strings.Replace(good, "https://reading.example", "http://localhost:8081", 1):         {"", ""},
		strings.Replace(good, "https://reading.example", "http://localhost.evil.example", 1): {fault.Usage, "url"},
		strings.Replace(good, "client: reading", "client: \"\"", 1):                          {fault.Usage, "client"},
		"": {fault.Usage, "issuer"},
	} {
		dir := t.TempDir()
		for name, f := range map[string]struct {
			text string
			mode os.FileMode
		}{File: {text, 0o600}, "open": {"secret", 0o644}, "empty": {"\n", 0o600}} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(f.text), f.mode); err != nil {
				t.Fatal(err)
			}
		}
		_, err := Open(dir)
		if err == nil && want.code == "" {
			continue
		}
		if fault.CodeOf(err) != want.code || !strings.Contains(fmt.Sprint(err), want.says) {
			t.Errorf("%s\n%v, want %s %q", text, err, want.code, want.says)
		}
	}
	if _, err := Open(t.TempDir()); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("no file: %v", err)
	}
	c := &Config{Members: map[string]string{"a@b": "ann"}}
	if name, ok := c.Member("a@b"); !ok || name != "ann" {
		t.Error(name)
	}
	if _, ok := c.Member("ann"); ok {
		t.Error("who is not listed is let in")
	}
	if name, ok := (&Config{}).Member(""); ok {
		t.Errorf("%q", name)
	}
	if ReasonOf(errors.New("x")) != "" {
		t.Error("a reason for what has none")
	}
}
