package batch

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
)

// The chain and the signature, worked out again from the words of the reference: each line's digest is of the one before, in hex, and of the line
// without its chain; the signature is of five lines of text.
func TestManifestByHand(t *testing.T) {
	out := runTest(t, tree(t), filepath.Join(t.TempDir(), "out"), profile(t, "research").Policy, 2)
	files := contents(t, out)
	chain, lines := "", 0
	for line := range strings.Lines(files[ManifestFile]) {
		lines++
		line = strings.TrimSuffix(line, "\n")
		at := strings.LastIndex(line, `,"chain":"`)
		if at < 0 {
			t.Fatalf("no chain: %s", line)
		}
		sum := sha256.Sum256([]byte(chain + line[:at] + "}"))
		chain = hex.EncodeToString(sum[:])
		if want := line[:at] + `,"chain":"` + chain + `"}`; line != want {
			t.Errorf("line %d is %s, want %s", lines, line, want)
		}
	}
	var sig map[string]any
	if err := json.Unmarshal([]byte(files[SignatureFile]), &sig); err != nil {
		t.Fatal(err)
	}
	if sig["lines"] != float64(7) || lines != 7 || sig["chain"] != chain || sig["key_id"] != testKey.ID || sig["policy_sha256"] != profile(t, "research").Digest {
		t.Errorf("%v for %d lines that end with %s", sig, lines, chain)
	}
	public, _ := hex.DecodeString(sig["ed25519_public_key"].(string))
	signature, _ := hex.DecodeString(sig["signature"].(string))
	text := "cineloop deid manifest 1\n7\n" + chain + "\n" + profile(t, "research").Digest + "\n" + testKey.ID + "\n"
	if len(public) != 32 || !ed25519.Verify(public, []byte(text), signature) {
		t.Error("the signature is not of these words")
	}
}

// Whatever is changed in the manifest or beside it is found, and said without values.
func TestTampering(t *testing.T) {
	out := runTest(t, tree(t), filepath.Join(t.TempDir(), "out"), profile(t, "research").Policy, 1)
	manifest, signature := filepath.Join(out, ManifestFile), filepath.Join(out, SignatureFile)
	m, err := os.ReadFile(manifest)
	if err != nil {
		t.Fatal(err)
	}
	s, err := os.ReadFile(signature)
	if err != nil {
		t.Fatal(err)
	}
	var sig Signature
	if err := json.Unmarshal(s, &sig); err != nil {
		t.Fatal(err)
	}
	resigned := func(change func(*Signature)) string { // by who has no key of the project
		c := sig
		change(&c)
		private := ed25519.NewKeyFromSeed(make([]byte, 32))
		c.PublicKey = hex.EncodeToString(private.Public().(ed25519.PublicKey))
		c.Signature = hex.EncodeToString(ed25519.Sign(private, signed(c)))
		b, _ := json.Marshal(c)
		return string(b)
	}
	as := func(change func(*Signature)) string {
		c := sig
		change(&c)
		b, _ := json.Marshal(c)
		return string(b)
	}
	first, _, _ := strings.Cut(string(m), "\n")
	// A whole chain of somebody's own over one line less.
	var shorter strings.Builder
	chain := ""
	lines := strings.Split(strings.TrimSpace(string(m)), "\n")
	for _, line := range lines[:len(lines)-1] {
		var r Record
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		raw, _ := marshal(r)
		chain = next(chain, raw)
		whole, _ := marshal(link{r, chain})
		fmt.Fprintf(&shorter, "%s\n", whole)
	}
	for what, c := range map[string]struct{ manifest, signature, want string }{
		"a field more":           {strings.Replace(string(m), `{"input"`, `{"approved":true,"input"`, 1), string(s), "line 1 was changed"},
		"a field twice":          {strings.Replace(string(m), `{"input"`, `{"input":"00","input"`, 1), string(s), "line 1 was changed"},
		"blanks":                 {strings.Replace(string(m), `,"bytes":`, `, "bytes":`, 1), string(s), "line 1 was changed"},
		"the first line twice":   {first + "\n" + string(m), string(s), "line 2 was changed"},
		"no JSON":                {string(m) + "x\n", string(s), "line 8 can't be read"},
		"cut off":                {string(m[:len(m)-20]), string(s), "line 7 can't be read"},
		"empty":                  {"", string(s), "lines are missing"},
		"a chain of one less":    {shorter.String(), string(s), "lines are missing"},
		"other numbers":          {string(m), as(func(c *Signature) { c.Lines++ }), "lines are missing"},
		"another policy":         {string(m), as(func(c *Signature) { c.Policy = strings.Repeat("0", 64) }), "signature is wrong"},
		"another key's name":     {string(m), as(func(c *Signature) { c.Key = "0000" }), "signature is wrong"},
		"a public key too short": {string(m), as(func(c *Signature) { c.PublicKey = c.PublicKey[2:] }), "signature is wrong"},
		"no hex":                 {string(m), as(func(c *Signature) { c.Signature = "zz" }), "signature is wrong"},
		"no signature":           {string(m), as(func(c *Signature) { c.Signature = "" }), "signature is wrong"},
		"signed anew":            {string(m), resigned(func(*Signature) {}), "signed with another key"},
		"shortened, signed anew": {shorter.String(), resigned(func(c *Signature) { c.Lines, c.Chain = 6, chain }), "signed with another key"},
		"a torn signature":       {string(m), string(s[:40]), "signature can't be read"},
	} {
		if err := os.WriteFile(manifest, []byte(c.manifest), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(signature, []byte(c.signature), 0o644); err != nil {
			t.Fatal(err)
		}
		err := CheckManifest(out, testKey)
		if fault.CodeOf(err) != fault.Input || !strings.Contains(fmt.Sprint(err), c.want) {
			t.Errorf("%s: %v, want %q", what, err, c.want)
		}
	}
	// Without the project's key a manifest signed anew holds: the public key beside it is all there is to hold it against.
	if err := os.WriteFile(manifest, m, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(signature, []byte(resigned(func(*Signature) {})), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := CheckManifest(out, nil); err != nil {
		t.Errorf("without a key: %v", err)
	}
	if err := os.WriteFile(signature, s, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := CheckManifest(out, testKey); err != nil {
		t.Errorf("as it was: %v", err)
	}
	var written Record
	for _, line := range lines {
		if written.Status != Written {
			written = Record{}
			_ = json.Unmarshal([]byte(line), &written)
		}
	}
	if err := os.Remove(filepath.Join(out, filepath.FromSlash(written.Output))); err != nil {
		t.Fatal(err)
	}
	if err := CheckManifest(out, testKey); err == nil || !strings.Contains(err.Error(), "is not there") {
		t.Errorf("an output is gone: %v", err)
	}
	for _, path := range []string{manifest, signature} {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if err := CheckManifest(out, testKey); fault.CodeOf(err) != fault.NotFound {
			t.Errorf("%s is gone: %v", filepath.Base(path), err)
		}
	}
}
