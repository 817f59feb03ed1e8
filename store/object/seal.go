package object

import (
	"context"
	"fmt"
	"io"
	"path/filepath"

	"filippo.io/age"

	"github.com/cineloop/cineloop/internal/fault"
)

// Reseal seals an object for the store's recipients, whatever it was sealed for before, or if it was open. The identities must open
// it. The new form takes the place of the old one at once, when it is durable; a form that is not sealed is removed then.
func (s *Store) Reseal(ctx context.Context, d Digest) error {
	if len(s.opts.Recipients) == 0 {
		return fault.New(fault.Usage, "the store has no recipients to seal for")
	}
	st, err := s.back.stage(ctx)
	if err != nil {
		return fmt.Errorf("sealing object %s: %w", d, explain(err))
	}
	defer st.discard()
	w, err := age.Encrypt(st, s.opts.Recipients...)
	if err != nil {
		return fmt.Errorf("sealing object %s: %w", d, explain(err))
	}
	if _, err := s.Copy(ctx, d, w); err != nil { // compares the digest
		return err
	}
	if err = w.Close(); err == nil {
		err = st.finish()
	}
	if err == nil {
		err = st.publish(ctx, nameOf(d, true))
	}
	if err == nil {
		err = s.back.remove(ctx, nameOf(d, false))
	}
	if f, ok := s.back.(*files); ok && err == nil { // an open form must not come back after a power cut
		err = f.disk.syncDir(filepath.Dir(f.path(nameOf(d, false))))
	}
	if err != nil {
		return fmt.Errorf("sealing object %s: %w", d, explain(err))
	}
	return nil
}

func (s *Store) unseal(r io.Reader) (io.Reader, error) {
	if len(s.opts.Identities) == 0 {
		return nil, errNoIdentity()
	}
	open, err := age.Decrypt(r, s.opts.Identities...)
	if err != nil {
		return nil, fault.New(fault.Input, "opening sealed content: %w", err).WithHint("give the identity that it was sealed for")
	}
	return open, nil
}

func (s *Store) unsealAt(r io.ReaderAt, stored int64) (io.ReaderAt, int64, error) {
	if len(s.opts.Identities) == 0 {
		return nil, 0, errNoIdentity()
	}
	open, size, err := age.DecryptReaderAt(r, stored, s.opts.Identities...)
	if err != nil {
		return nil, 0, fault.New(fault.Input, "opening sealed content: %w", err).WithHint("give the identity that it was sealed for")
	}
	return open, size, nil
}

func errNoIdentity() error {
	return fault.New(fault.Missing, "the content is sealed and no identity was given").WithHint("name the key file that holds the age identity")
}
