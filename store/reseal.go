package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/cineloop/cineloop/internal/atomicfile"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/strictyaml"
	"github.com/cineloop/cineloop/store/catalog"
	"github.com/cineloop/cineloop/store/object"
)

// sealName is a name for the set of recipients; "" for none. A content's record has the name of the set that it was sealed for.
func (c Config) sealName() string {
	if len(c.Recipients) == 0 {
		return ""
	}
	list := slices.Clone(c.Recipients)
	slices.Sort(list)
	sum := sha256.Sum256([]byte(strings.Join(slices.Compact(list), "\n")))
	return hex.EncodeToString(sum[:8])
}

// SetRecipients changes for whom the archive in dir seals new contents. Programs that have it open go on with the old ones until they
// open it again; what they write meanwhile is found by Reseal all the same.
func SetRecipients(dir string, recipients []string) error {
	cfg, err := ReadConfig(dir)
	if err != nil {
		return err
	}
	cfg.Recipients = recipients
	if _, err := cfg.recipients(); err != nil {
		return err
	}
	data, err := strictyaml.Marshal(cfg)
	if err != nil {
		return err
	}
	return atomicfile.WriteBytes(filepath.Join(dir, ConfigFile), data)
}

// ResealReport is what Reseal did.
type ResealReport struct {
	Resealed int
	Problems []Problem // contents that could not be opened: damaged, or no identity fits
}

// Reseal seals every content for the archive's recipients that is not sealed for exactly these: after a change of keys, or where
// contents were open. It needs the identities that open the old seals. Each content is replaced whole, beside readers and writers; a
// run that was broken off goes on where it was.
func (a *Archive) Reseal(ctx context.Context, progress func(done, of int)) (ResealReport, error) {
	var rep ResealReport
	if a.seal == "" {
		return rep, fault.New(fault.Usage, "the archive has no recipients").WithHint("name them: cineloop archive reseal --recipient age1...")
	}
	var list []catalog.Kept
	for k, err := range a.Catalog.SealedOther(ctx, a.seal) {
		if err != nil {
			return rep, err
		}
		list = append(list, k)
	}
	var mu sync.Mutex
	var done []object.Digest // and not noted yet
	note := func(least int) error {
		mu.Lock()
		batch := done
		if len(batch) < least {
			mu.Unlock()
			return nil
		}
		done = nil
		mu.Unlock()
		return a.Catalog.Sealed(context.WithoutCancel(ctx), a.seal, batch...)
	}
	err := parallel(ctx, list, func(k catalog.Kept) error {
		state, reason, err := judge(a.Objects.Reseal(ctx, k.Digest))
		if err != nil {
			return err
		}
		mu.Lock()
		if state == catalog.Good {
			rep.Resealed++
			done = append(done, k.Digest)
		} else {
			rep.Problems = append(rep.Problems, Problem{k.Digest, state, reason})
		}
		n := rep.Resealed + len(rep.Problems)
		mu.Unlock()
		if progress != nil {
			progress(n, len(list))
		}
		return note(100)
	})
	if nerr := note(1); err == nil {
		err = nerr
	}
	return rep, err
}
