package bundle

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"slices"
	"strings"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/signing"
)

// Format is the version of the layout; it changes when an older program would misread a newer bundle.
const Format = 1

// Names of the files that every bundle has; the signature may be absent.
const (
	ManifestFile      = "bundle.json"
	SignatureFile     = "bundle.sig.json"
	PlanFile          = "plan.yaml"
	PreprocessingFile = "preprocessing.json"
	TargetsFile       = "targets.json"
	TabularFile       = "tabular.json" // only of models that use columns of a table
	ThresholdsFile    = "thresholds.json"
	CardFile          = "card.json"
	CardPage          = "README.md"
	SeenFile          = "seen.json" // only where it was asked for
)

// Bounds of what is read.
const (
	maxManifest = 16 << 20
	maxFiles    = 10_000
	maxText     = 256 << 20 // of a file that is read whole
)

// Manifest is bundle.json.
type Manifest struct {
	Format     int       `json:"format"`
	Name       string    `json:"name"`
	Kind       string    `json:"kind"`     // train (scores) | segment (masks)
	Cineloop   string    `json:"cineloop"` // version that wrote it
	PlanDigest string    `json:"plan_digest"`
	DataDigest string    `json:"data_digest"` // SHA-256 of the table that it was trained from
	Networks   []Network `json:"networks"`    // whose scores are averaged, in this order
	Files      []File    `json:"files"`       // all but the manifest and its signature, by path
}

// Network is a file of weights.
type Network struct {
	Dir  string `json:"dir"` // its folder in the bundle, with best.safetensors
	Fold int    `json:"fold"`
}

// File is a member of a bundle.
type File struct {
	Path   string `json:"path"` // with slashes
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// Signature is bundle.sig.json.
type Signature struct {
	Manifest  string `json:"manifest_sha256"`
	Key       string `json:"key_id"`
	PublicKey string `json:"ed25519_public_key"`
	Signature string `json:"signature"`
}

// signedText is what a signature is of.
func signedText(manifest string) []byte {
	return []byte("cineloop bundle 1\n" + manifest + "\n")
}

func sign(manifest []byte, key *signing.Key) Signature {
	digest := digestOf(manifest)
	p := key.Public()
	return Signature{Manifest: digest, Key: p.ID(), PublicKey: p.String(), Signature: key.Sign(signedText(digest))}
}

func digestOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// broken is the error of a bundle that is not what it says it is.
func broken(format string, args ...any) error {
	return fault.New(fault.Input, "the bundle does not hold: "+format, args...).
		WithHint("it was changed or damaged since it was made; get it anew")
}

// checkSignature holds sig against the manifest's bytes.
func checkSignature(sig, manifest []byte) (*Signature, signing.Public, error) {
	s := &Signature{}
	if err := strictJSON(sig, s); err != nil {
		return nil, signing.Public{}, broken("its signature cannot be read: %w", err)
	}
	public, err := signing.ParsePublic([]byte(s.PublicKey))
	switch digest := digestOf(manifest); {
	case err != nil || s.Key != public.ID():
		return nil, public, broken("its signature names no key")
	case s.Manifest != digest:
		return nil, public, broken("%s is not the one that was signed", ManifestFile)
	case !public.Verify(signedText(digest), s.Signature):
		return nil, public, broken("its signature is wrong")
	}
	return s, public, nil
}

// parseManifest reads bundle.json and refuses what could not have been written by [Write].
func parseManifest(b []byte) (*Manifest, error) {
	m := &Manifest{}
	var version struct{ Format int }
	if err := json.Unmarshal(b, &version); err != nil {
		return nil, broken("%s cannot be read: %w", ManifestFile, err)
	}
	if version.Format != Format {
		return nil, fault.New(fault.Input, "the bundle has format %d, this program reads %d", version.Format, Format)
	}
	if err := strictJSON(b, m); err != nil {
		return nil, broken("%s cannot be read: %w", ManifestFile, err)
	}
	if len(m.Files) > maxFiles {
		return nil, broken("%s names %d files", ManifestFile, len(m.Files))
	}
	seen := map[string]bool{ManifestFile: true, SignatureFile: true}
	for i, f := range m.Files {
		switch {
		case !goodPath(f.Path):
			return nil, broken("%s names a file %q", ManifestFile, f.Path)
		case seen[strings.ToLower(f.Path)] || i > 0 && f.Path <= m.Files[i-1].Path:
			return nil, broken("%s names %q twice or out of order", ManifestFile, f.Path)
		case f.Bytes < 0 || !isDigest(f.SHA256):
			return nil, broken("%s gives %q no size or digest", ManifestFile, f.Path)
		}
		seen[strings.ToLower(f.Path)] = true
	}
	if len(m.Networks) == 0 {
		return nil, broken("%s names no network", ManifestFile)
	}
	for _, n := range m.Networks {
		if !seen[n.Dir+"/"+Weights] {
			return nil, broken("%s names weights in %q that are not there", ManifestFile, n.Dir)
		}
	}
	for _, name := range []string{PlanFile, PreprocessingFile, TargetsFile, ThresholdsFile, CardFile, CardPage} {
		if !slices.ContainsFunc(m.Files, func(f File) bool { return f.Path == name }) {
			return nil, broken("it has no %s", name)
		}
	}
	return m, nil
}

// Weights is the name of a network's file in its folder.
const Weights = "best.safetensors"

// goodPath says whether a member may have this path: relative, plain, of letters that every file system and terminal takes alike.
func goodPath(p string) bool {
	if p == "" || len(p) > 200 || !fs.ValidPath(p) || p == "." {
		return false
	}
	for _, c := range p {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("._-/", c)) {
			return false
		}
	}
	return true
}

func isDigest(s string) bool {
	_, err := hex.DecodeString(s)
	return err == nil && len(s) == 2*sha256.Size && s == strings.ToLower(s)
}

// encode is JSON as every file of a bundle has it.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// strictJSON decodes one value and refuses unknown keys and anything after it.
func strictJSON(b []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return err
	}
	if dec.More() {
		return fault.New(fault.Input, "something follows its end")
	}
	return nil
}
