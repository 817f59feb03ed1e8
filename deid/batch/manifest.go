package batch

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/cineloop/cineloop/deid"
	"github.com/cineloop/cineloop/internal/atomicfile"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/signing"
)

// Names of the files that a run writes beside the objects.
const (
	ManifestFile  = "manifest.jsonl"
	SignatureFile = "manifest.sig.json"
)

// Signature is the manifest's signature: of the last link of its chain, which depends on every line.
type Signature struct {
	Lines     int    `json:"lines"`
	Chain     string `json:"chain"`
	Policy    string `json:"policy_sha256"`
	Key       string `json:"key_id"`
	PublicKey string `json:"ed25519_public_key"`
	Signature string `json:"signature"`
}

// link is a record with the digest of the line before it and of itself.
type link struct {
	Record
	Chain string `json:"chain"`
}

// next is the chain's digest after a line: of the one before and the record as JSON.
func next(chain string, record []byte) string {
	h := sha256.New()
	io.WriteString(h, chain)
	h.Write(record)
	return hex.EncodeToString(h.Sum(nil))
}

func signed(s Signature) []byte {
	return fmt.Appendf(nil, "cineloop deid manifest 1\n%d\n%s\n%s\n%s\n", s.Lines, s.Chain, s.Policy, s.Key)
}

// finish writes the manifest, its signature, the table and the certificate, and takes the run's state away.
func (b *books) finish(opt Options) (Summary, error) {
	b.order()
	s := b.summary(opt)
	if d, err := os.Open(opt.Out); err == nil { // everything that the manifest names is on disk before it is
		_ = unix.Syncfs(int(d.Fd()))
		d.Close()
	}
	sig := Signature{Lines: len(b.records), Policy: opt.Profile.Digest, Key: opt.Key.ID}
	err := atomicfile.Write(filepath.Join(opt.Out, ManifestFile), func(w io.Writer) error {
		for i := range b.records {
			raw, err := marshal(b.records[i])
			if err != nil {
				return err
			}
			sig.Chain = next(sig.Chain, raw)
			line, err := marshal(link{b.records[i], sig.Chain})
			if err != nil {
				return err
			}
			if _, err := w.Write(append(line, '\n')); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return s, err
	}
	key := signing.FromSeed(opt.Key.SigningSeed())
	sig.PublicKey = key.Public().String()
	sig.Signature = key.Sign(signed(sig))
	s.Chain = sig.Chain
	if err := writeJSON(filepath.Join(opt.Out, SignatureFile), sig); err != nil {
		return s, err
	}
	k := anonymity(b.rows)
	s.SmallestK = k.Smallest
	for _, step := range []func() error{
		func() error { return writeTable(filepath.Join(opt.Out, TableFile), b.rows) },
		func() error { return writeParquet(filepath.Join(opt.Out, ParquetFile), b.rows) },
		func() error { return writeDirectory(opt, b) },
		func() error { return writeCertificate(opt, s, sig, k) },
		func() error { return b.settle(opt) },
	} {
		if err := step(); err != nil {
			return s, err
		}
	}
	return s, nil
}

// marshal is JSON without HTML's escapes.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

func writeJSON(path string, v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return err
	}
	return atomicfile.WriteBytes(path, b.Bytes())
}

// CheckManifest holds the manifest in out against its chain and signature, and every output against its digest. key may be nil: then the signature is
// held against the public key that stands beside it.
func CheckManifest(out string, key *deid.Key) error {
	bad := func(format string, args ...any) error {
		return fault.New(fault.Input, "the manifest does not hold: %s", fmt.Sprintf(format, args...))
	}
	var sig Signature
	raw, err := os.ReadFile(filepath.Join(out, SignatureFile))
	if err != nil {
		return fault.New(fault.NotFound, "%w", err)
	}
	if err := json.Unmarshal(raw, &sig); err != nil {
		return bad("the signature can't be read")
	}
	f, err := os.Open(filepath.Join(out, ManifestFile))
	if err != nil {
		return fault.New(fault.NotFound, "%w", err)
	}
	defer f.Close()
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 64<<20)
	chain, lines := "", 0
	for sc.Scan() {
		lines++
		var l link
		if err := json.Unmarshal(sc.Bytes(), &l); err != nil {
			return bad("line %d can't be read", lines)
		}
		raw, err := marshal(l.Record)
		if err != nil {
			return err
		}
		chain = next(chain, raw)
		// The line as a whole: a field that the record does not have would pass the chain.
		if whole, err := marshal(link{l.Record, chain}); err != nil || !bytes.Equal(whole, sc.Bytes()) {
			return bad("line %d was changed", lines)
		}
		if l.Status == Written {
			sum, err := hashFile(filepath.Join(out, filepath.FromSlash(l.Output)))
			if err != nil {
				return bad("the output of line %d is not there", lines)
			}
			if sum != l.Digest {
				return bad("the output of line %d was changed", lines)
			}
		}
	}
	if err := sc.Err(); err != nil {
		return bad("it can't be read to its end")
	}
	if lines != sig.Lines || chain != sig.Chain {
		return bad("lines are missing")
	}
	public, err := signing.ParsePublic([]byte(sig.PublicKey))
	if err != nil || !public.Verify(signed(sig), sig.Signature) {
		return bad("the signature is wrong")
	}
	if key != nil && !signing.FromSeed(key.SigningSeed()).Public().Equal(public) {
		return bad("it was signed with another key")
	}
	return nil
}
