package object

import (
	"bytes"
	"context"
	"strings"
	"syscall"
	"testing"

	"filippo.io/age"

	"github.com/cineloop/cineloop/internal/fault"
)

// sealable is a store on a disk in memory, sealed for to (nil: open), that opens with keys.
func sealable(t *testing.T, d *lossy, to *age.X25519Identity, keys ...age.Identity) *Store {
	t.Helper()
	back, err := openFiles(d, "store", 0)
	if err != nil {
		t.Fatal(err)
	}
	opts := Options{Identities: keys}
	if to != nil {
		opts.Recipients = []age.Recipient{to.Recipient()}
	}
	return newStore(back, opts)
}

// TestResealTrouble cuts the power, and fills the disk, at every single operation of sealing an object anew: afterwards it can be read
// with one of the two keys, and sealing it once more succeeds.
func TestResealTrouble(t *testing.T) {
	ctx := context.Background()
	old, _ := age.GenerateX25519Identity()
	key, _ := age.GenerateX25519Identity()
	content := []byte(strings.Repeat("0123456789", 300))
	for name, was := range map[string]*age.X25519Identity{"from another key": old, "from open": nil} {
		for trouble, failure := range map[string]error{"power": errPower, "full": syscall.ENOSPC} {
			t.Run(name+", "+trouble, func(t *testing.T) {
				felt := 0
				for at := 1; ; at++ {
					d := newLossy()
					d.sector = 4096
					s := sealable(t, d, was, old)
					if _, _, err := s.Put(ctx, bytes.NewReader(content)); err != nil {
						t.Fatal(err)
					}
					s.Close()
					s = sealable(t, d, key, old, key)
					before := d.ops
					d.failAt, d.failWith = before+at, failure
					err := s.Reseal(ctx, Sum(content))
					s.Close()
					if err != nil {
						felt++
						if failure == syscall.ENOSPC && fault.CodeOf(err) != fault.Resource {
							t.Errorf("operation %d: %v", at, err)
						}
					}
					after := d
					if failure == errPower {
						after = d.restart()
					}
					after.failAt = 0
					b := sealable(t, after, key, old, key)
					if n, verr := b.Verify(ctx, Sum(content)); n != int64(len(content)) || verr != nil {
						t.Fatalf("operation %d (%v): %d bytes, %v", at, err, n, verr)
					}
					if err := b.Reseal(ctx, Sum(content)); err != nil {
						t.Fatalf("operation %d, once more: %v", at, err)
					}
					b.Close()
					only := sealable(t, after, key, key)
					if _, err := only.Verify(ctx, Sum(content)); err != nil {
						t.Errorf("operation %d: with the new key alone: %v", at, err)
					}
					for info, err := range only.All(ctx) {
						if err != nil || !info.Sealed {
							t.Errorf("operation %d: %+v, %v", at, info, err)
						}
					}
					only.Close()
					if d.ops < before+at { // the failure lay beyond the end
						break
					}
				}
				if felt < 4 {
					t.Errorf("only %d failures were felt", felt)
				}
			})
		}
	}
}

// TestResealRefuses: without recipients, without the object, without the key, and of what is damaged, everything stays as it is.
func TestResealRefuses(t *testing.T) {
	ctx := context.Background()
	old, _ := age.GenerateX25519Identity()
	key, _ := age.GenerateX25519Identity()
	d := newLossy()
	s := sealable(t, d, old, old)
	info, _, err := s.Put(ctx, strings.NewReader("abc"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for name, c := range map[string]struct {
		s      *Store
		digest Digest
		code   fault.Code
	}{
		"no recipients": {sealable(t, d, nil, old), info.Digest, fault.Usage}, "no object": {sealable(t, d, key, old), Sum([]byte("x")), fault.NotFound},
		"no key": {sealable(t, d, key), info.Digest, fault.Missing}, "another key": {sealable(t, d, key, key), info.Digest, fault.Input},
	} {
		if err := c.s.Reseal(ctx, c.digest); fault.CodeOf(err) != c.code {
			t.Errorf("%s: %v", name, err)
		}
		c.s.Close()
	}
	if _, err := s.Verify(ctx, info.Digest); err != nil {
		t.Error(err)
	}
	for name := range d.seen {
		if strings.HasPrefix(name, "store/tmp/") {
			t.Errorf("left: %s", name)
		}
	}
}
