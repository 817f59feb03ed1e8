package deid

import "testing"

func TestSigning(t *testing.T) {
	k, other := NewKey(), NewKey()
	text := []byte("some text 1\n")
	public, signature := k.Sign(text)
	again, same := k.Sign(text)
	if public != k.PublicKey() || again != public || same != signature || public == other.PublicKey() {
		t.Error("a key signs in one way, and not as another does")
	}
	if !SignatureHolds(text, public, signature) {
		t.Error("its own signature does not hold")
	}
	for _, bad := range [][3]string{{"some text 2\n", public, signature}, {string(text), other.PublicKey(), signature}, {string(text), public, public}, {string(text), "zz", signature}, {string(text), "", ""}} {
		if SignatureHolds([]byte(bad[0]), bad[1], bad[2]) {
			t.Errorf("%q holds", bad)
		}
	}
}
