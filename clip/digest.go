package clip

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
)

// digestOf is the SHA-256 of b in hex.
func digestOf(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

func digestFile(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// digest is digestFile where a digest is wanted.
func (cfg *readConfig) digest(file string) (string, error) {
	if cfg.noDigest {
		return "", nil
	}
	return digestFile(file)
}

// digestOfDigests is the digest of a series: of its files' digests in frame order.
func digestOfDigests(hexes []string) string {
	h := sha256.New()
	for _, d := range hexes {
		io.WriteString(h, d)
	}
	return hex.EncodeToString(h.Sum(nil))
}
