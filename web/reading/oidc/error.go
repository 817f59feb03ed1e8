package oidc

import (
	"errors"
	"net/url"
)

// Reason is why a login came to nothing, for logs and pages; it holds nothing that was sent.
type Reason string

// The reasons.
const (
	Unavailable Reason = "issuer unavailable" // no discovery document, no keys, no answer
	State       Reason = "state"              // the answer belongs to no attempt of this browser, or it was used before
	MixUp       Reason = "other issuer"       // the answer, or the token, is another issuer's
	Declined    Reason = "declined"           // the issuer, or the person there, said no
	Code        Reason = "code"               // the issuer did not take the code: used, expired, without its verifier
	Token       Reason = "token"              // the token is not signed by the issuer, or not for this client
	Nonce       Reason = "nonce"              // the token answers another attempt
	Expired     Reason = "expired"            // the token has expired
	Clock       Reason = "clock"              // the issuer's clock and this machine's differ
	Claim       Reason = "claim"              // the token has no claim that names a member, or an e-mail address that nobody verified
	NotFresh    Reason = "not fresh"          // the issuer did not ask anew
)

// Error is a login that came to nothing.
type Error struct {
	Reason Reason
	Err    error // for the operator: may name URLs and clients, no value of a token
}

func (e *Error) Error() string {
	if e.Err == nil {
		return "logging in with the issuer: " + string(e.Reason)
	}
	return "logging in with the issuer: " + e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

func refuse(r Reason, err error) error { return &Error{r, err} }

// ReasonOf is why; "" of another kind of error.
func ReasonOf(err error) Reason {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Reason
	}
	return ""
}

// short is an error of net/http without the URL, whose query can hold a code.
func short(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}
