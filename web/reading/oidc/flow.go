package oidc

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/cineloop/cineloop/internal/fault"
)

// Attempt is a browser that was sent to the issuer. It stays on the server.
type Attempt struct {
	state, nonce, verifier string
	began                  time.Time
	fresh                  bool
}

// Identity is whom the issuer says it was.
type Identity struct {
	Claim string    // value of the configured claim
	At    time.Time // when the issuer last asked who it was; zero where it does not say
}

// Begin is a new attempt and where to send the browser. With fresh the issuer has to ask who it is even if it knows.
func (c *Client) Begin(ctx context.Context, fresh bool) (*Attempt, string, error) {
	i, err := c.discover(ctx)
	if err != nil {
		return nil, "", err
	}
	a := &Attempt{state: rand.Text(), nonce: rand.Text(), verifier: oauth2.GenerateVerifier(), began: c.now(), fresh: fresh}
	opts := []oauth2.AuthCodeOption{oidc.Nonce(a.nonce), oauth2.S256ChallengeOption(a.verifier)}
	if fresh {
		opts = append(opts, oauth2.SetAuthURLParam("prompt", "login"), oauth2.SetAuthURLParam("max_age", "0"))
	}
	return a, i.flow.AuthCodeURL(a.state, opts...), nil
}

// claims are what is looked at of a token beside what every token has.
type claims struct {
	Subject  string `json:"sub"`
	Username string `json:"preferred_username"`
	Email    string `json:"email"`
	Verified any    `json:"email_verified"` // some issuers write it as a text
	Party    string `json:"azp"`
	AuthTime *int64 `json:"auth_time"`
}

// Finish takes the query that the browser brought back. It may be called once for an attempt; errors are an [Error].
func (c *Client) Finish(ctx context.Context, a *Attempt, q url.Values) (Identity, error) {
	if a == nil || !one(q, "state") || subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(a.state)) != 1 {
		return Identity{}, refuse(State, nil)
	}
	i, err := c.discover(ctx)
	if err != nil {
		return Identity{}, err
	}
	// RFC 9207, 2.4: another issuer could have sent the browser here with a code of this one, or the other way round.
	if q.Has("iss") && (!one(q, "iss") || q.Get("iss") != c.Issuer) || i.NamesItself && !q.Has("iss") {
		return Identity{}, refuse(MixUp, nil)
	}
	if q.Has("error") { // its texts are whoever's made up the URL
		return Identity{}, refuse(Declined, nil)
	}
	if !one(q, "code") {
		return Identity{}, refuse(Code, nil)
	}
	ctx, cancel := context.WithTimeout(oidc.ClientContext(ctx, c.http), timeout)
	defer cancel()
	t, err := i.flow.Exchange(ctx, q.Get("code"), oauth2.VerifierOption(a.verifier))
	if err != nil {
		return Identity{}, exchangeFailed(err)
	}
	raw, ok := t.Extra("id_token").(string)
	if !ok {
		return Identity{}, refuse(Token, fault.New(fault.Missing, "the issuer gave no ID token"))
	}
	id, err := i.verifier.Verify(ctx, raw)
	if late, is := errors.AsType[*oidc.TokenExpiredError](err); is {
		return Identity{}, refuse(Expired, fault.New(fault.Missing, "the issuer's token had expired %v ago when it came", c.now().Sub(late.Expiry).Round(time.Second)).
			WithHint("compare the clocks of both machines"))
	}
	if err != nil {
		return Identity{}, refuse(Token, fault.New(fault.Missing, "the issuer's token: %w", short(err)))
	}
	return c.judge(ctx, i, a, t, id)
}

// judge checks what a signed token says (OpenID Connect Core 1.0, 3.1.3.7).
func (c *Client) judge(ctx context.Context, i *issuer, a *Attempt, t *oauth2.Token, id *oidc.IDToken) (Identity, error) {
	var said claims
	if err := id.Claims(&said); err != nil || said.Subject == "" {
		return Identity{}, refuse(Token, fault.New(fault.Missing, "the issuer's token is not of the form"))
	}
	switch {
	case subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(a.nonce)) != 1:
		return Identity{}, refuse(Nonce, nil)
	case len(id.Audience) > 1 && said.Party == "" || said.Party != "" && said.Party != c.Client:
		return Identity{}, refuse(Token, fault.New(fault.Missing, "the issuer's token is for another client too, and does not name this one"))
	case id.AccessTokenHash != "" && id.VerifyAccessToken(t.AccessToken) != nil:
		return Identity{}, refuse(Token, fault.New(fault.Missing, "the access token is another one than the ID token names"))
	case id.IssuedAt.After(c.now().Add(Skew)):
		return Identity{}, refuse(Clock, fault.New(fault.Missing, "the issuer's token is dated %v ahead", id.IssuedAt.Sub(c.now()).Round(time.Second)).
			WithHint("compare the clocks of both machines"))
	}
	out := Identity{}
	if said.AuthTime != nil {
		out.At = time.Unix(*said.AuthTime, 0)
	}
	if a.fresh && (out.At.Before(a.began.Add(-Skew)) || out.At.After(c.now().Add(Skew))) {
		return Identity{}, refuse(NotFresh, nil)
	}
	if c.Claim != "sub" && said.value(c.Claim) == "" && i.UserInfo != "" {
		if err := c.userInfo(ctx, i, t, &said); err != nil {
			return Identity{}, err
		}
	}
	if c.Claim == "email" && fmt.Sprint(said.Verified) != "true" {
		return Identity{}, refuse(Claim, fault.New(fault.Missing, "the issuer has not verified the e-mail address"))
	}
	if out.Claim = said.value(c.Claim); out.Claim == "" || len(out.Claim) > 256 {
		return Identity{}, refuse(Claim, fault.New(fault.Missing, "the issuer's token has no %s", c.Claim))
	}
	return out, nil
}

func (s *claims) value(claim string) string {
	return map[string]string{"preferred_username": s.Username, "email": s.Email, "sub": s.Subject}[claim]
}

// userInfo asks for the claim where the token does not have it; the answer must be about the same subject (5.3.2).
func (c *Client) userInfo(ctx context.Context, i *issuer, t *oauth2.Token, said *claims) error {
	info, err := i.provider.UserInfo(ctx, oauth2.StaticTokenSource(t))
	if err != nil {
		return refuse(Unavailable, fault.New(fault.Missing, "the issuer's word on who it is: %w", short(err)))
	}
	if info.Subject != said.Subject {
		return refuse(Token, fault.New(fault.Missing, "the issuer's word is about somebody else than its token"))
	}
	var more claims
	if err := info.Claims(&more); err != nil {
		return refuse(Token, fault.New(fault.Missing, "the issuer's word on who it is is not of the form"))
	}
	said.Username, said.Email, said.Verified = more.Username, more.Email, more.Verified
	return nil
}

// exchangeFailed is a code that was not taken, or an issuer that did not answer. RFC 6749, 5.2 has the codes; descriptions are left out.
func exchangeFailed(err error) error {
	if r, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		if r.ErrorCode == "invalid_client" || r.ErrorCode == "unauthorized_client" {
			return refuse(Unavailable, fault.New(fault.Usage, "the issuer does not know this client, or its secret is wrong"))
		}
		return refuse(Code, fault.New(fault.Missing, "the issuer did not take the code (%.40q, status %d)", r.ErrorCode, r.Response.StatusCode))
	}
	return refuse(Unavailable, fault.New(fault.Missing, "redeeming the code: %w", short(err)))
}

// one says that a parameter is there once: of two, others could look at the other.
func one(q url.Values, name string) bool { return len(q[name]) == 1 && q.Get(name) != "" }
