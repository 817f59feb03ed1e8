// Package oidc lets members of a reading project log in with the hospital's own identity provider: OpenID Connect Core 1.0, the code flow with
// PKCE, spoken by the server (a backend for frontend). The browser carries a code that only this server can redeem; tokens never reach it.
//
// A [Config] is the file oidc.yaml: the issuer, this server's client there, and which claim names a member. A [Client] knows the issuer from
// its discovery document. An [Attempt] is a browser that was sent there, with state, nonce and PKCE verifier; it is finished once.
// [Identity] is whom the issuer says it was.
//
// Promises:
//   - What the issuer says counts only in a token that it signed with a key of its own, asymmetrically, for this client, in answer to this attempt,
//     and that has not expired. State, nonce and PKCE S256 are always used; an answer of another issuer is refused (RFC 9207), where the issuer names itself.
//   - A fresh proof ([Client.Begin] with fresh) is one that the issuer says it asked for after the attempt began (prompt=login, max_age=0, auth_time).
//   - An e-mail address counts only where the issuer has verified it.
//   - Tokens are looked at and forgotten; nothing of them is written anywhere. Errors are an [Error] with a reason that holds no value of a token.
//   - The issuer is reached over TLS, or on this machine; its answers are at most 1 MiB and are waited for 10 s.
package oidc
