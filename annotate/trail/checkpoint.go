package trail

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"path/filepath"
	"slices"
	"time"

	"github.com/cineloop/cineloop/annotate/ledger"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/signing"
)

// Checkpoint says where the chains of a project ended at a time. It is kept where whoever writes the project can't change it.
type Checkpoint struct {
	Version   int                    `json:"version"` // 1
	At        time.Time              `json:"at"`
	Heads     map[string]ledger.Head `json:"heads"` // by file
	PublicKey string                 `json:"ed25519_public_key"`
	Signature string                 `json:"signature,omitempty"` // of the line without it
}

// NewCheckpoint follows the chains of the project in dir, and signs where they end.
func NewCheckpoint(dir string, key *signing.Key, at time.Time) (*Checkpoint, error) {
	chains, err := Verify(dir)
	if err != nil {
		return nil, err
	}
	c := &Checkpoint{Version: 1, At: at.UTC(), Heads: map[string]ledger.Head{}, PublicKey: key.Public().String()}
	for _, chain := range chains {
		if chain.There {
			c.Heads[chain.File] = chain.Head
		}
	}
	message, err := c.message()
	if err != nil {
		return nil, err
	}
	c.Signature = key.Sign(message)
	return c, nil
}

// message is what is signed.
func (c Checkpoint) message() ([]byte, error) {
	c.Signature = ""
	return json.Marshal(c)
}

// ReadCheckpoints reads lines of checkpoints and checks their signatures, with a public key against that one. Code input where one does not hold.
func ReadCheckpoints(r io.Reader, public *signing.Public) ([]*Checkpoint, error) {
	var out []*Checkpoint
	s := bufio.NewScanner(r)
	for n := 1; s.Scan(); n++ {
		line := bytes.TrimSpace(s.Bytes())
		if len(line) == 0 {
			continue
		}
		c := new(Checkpoint)
		dec := json.NewDecoder(bytes.NewReader(line))
		dec.DisallowUnknownFields()
		if err := dec.Decode(c); err != nil || c.Version != 1 {
			return nil, fault.New(fault.Input, "line %d is no checkpoint", n)
		}
		key, err := signing.ParsePublic([]byte(c.PublicKey))
		if err != nil || public != nil && !public.Equal(key) {
			return nil, fault.New(fault.Input, "line %d: the checkpoint was signed with another key", n)
		}
		message, err := c.message()
		if err != nil || !key.Verify(message, c.Signature) {
			return nil, fault.New(fault.Input, "line %d: the checkpoint's signature does not hold", n)
		}
		out = append(out, c)
	}
	if err := s.Err(); err != nil || len(out) == 0 {
		return nil, fault.New(fault.Input, "the file holds no checkpoints")
	}
	return out, nil
}

// Check holds the project in dir against a checkpoint: every chain has to come to it on its way. Code input where one does not: it was written anew, or its
// end was cut off.
func (c *Checkpoint) Check(dir string) error {
	for _, name := range Files {
		want, ok := c.Heads[name]
		if !ok || want.Seq == 0 {
			continue
		}
		head, err := ledger.ReadTo(filepath.Join(dir, name), want.Seq)
		if err != nil && fault.CodeOf(err) != fault.NotFound {
			return fault.New(fault.CodeOf(err), "%s: %w", name, err)
		}
		if head.Seq < want.Seq {
			return fault.New(fault.Input, "%s ends with entry %d; it had %d on %s", name, head.Seq, want.Seq, c.At.Format(time.DateTime))
		}
		if head.Chain != want.Chain {
			return fault.New(fault.Input, "%s was written anew after %s", name, c.At.Format(time.DateTime))
		}
	}
	for name := range c.Heads {
		if !slices.Contains(Files, name) {
			return fault.New(fault.Input, "the checkpoint names %q, which is no log of a project", name)
		}
	}
	return nil
}
