// Package access decides who may do what over HTTP: one policy for every room that answers requests.
//
// A Principal is someone known by name, with Roles. A token is a secret of 256 random bits that a program sends as a bearer token
// (RFC 6750) and a person types into a page once, which gives the browser a session. A Policy knows the tokens of one file, which holds
// their SHA-256 only, and is read again when it changes: a token that was removed stops working without a restart.
//
// Promises: whatever is not allowed is denied, whoever asks; roles are given one by one (write does not include read, admin includes
// both); a program on the same machine needs a token too, unless the policy was told otherwise; a token is compared by its digest, and
// never logged; guessing is slowed down.
package access
