package deid

import (
	"crypto/ed25519"
	"encoding/hex"
)

// signer is the Ed25519 key that signs for a project; it gives nothing of the project's own key away.
func (k *Key) signer() ed25519.PrivateKey {
	seed := k.mac("manifest signature", "")
	return ed25519.NewKeyFromSeed(seed[:])
}

// PublicKey is what a project's signatures are held against, in hexadecimal.
func (k *Key) PublicKey() string {
	return hex.EncodeToString(k.signer().Public().(ed25519.PublicKey))
}

// Sign signs a text, which begins with what kind of text it is, so that no signature passes for another's. Both results are hexadecimal.
func (k *Key) Sign(text []byte) (public, signature string) {
	return k.PublicKey(), hex.EncodeToString(ed25519.Sign(k.signer(), text))
}

// SignatureHolds says whether a text was signed with the key that belongs to a public key.
func SignatureHolds(text []byte, public, signature string) bool {
	p, err1 := hex.DecodeString(public)
	s, err2 := hex.DecodeString(signature)
	return err1 == nil && err2 == nil && len(p) == ed25519.PublicKeySize && ed25519.Verify(p, text, s)
}
