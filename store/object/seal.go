package object

import (
	"io"

	"filippo.io/age"

	"github.com/cineloop/cineloop/internal/fault"
)

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
