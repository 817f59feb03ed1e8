package catalog

import (
	"context"
	"iter"

	"github.com/cineloop/cineloop/store/internal/sqldb"
	"github.com/cineloop/cineloop/store/object"
)

// SealedOther lists the good contents that are not known to be sealed as seal says, in order of digest; seal is a name for a set of
// recipients. What was kept before catalogs noted it, and what is open, has none.
func (c *Catalog) SealedOther(ctx context.Context, seal string) iter.Seq2[Kept, error] {
	return each(ctx, c.db, scanKept, `SELECT digest, size, state FROM objects WHERE state = 'good' AND seal <> ? ORDER BY digest`, seal)
}

// CountSealedOther is how many those are.
func (c *Catalog) CountSealedOther(ctx context.Context, seal string) (n int, err error) {
	err = c.db.Read.QueryRowContext(ctx, c.db.Q(`SELECT COUNT(*) FROM objects WHERE state = 'good' AND seal <> ?`), seal).Scan(&n)
	return n, sqldb.Wrap(err, "reading the catalog")
}

// Sealed notes how contents are sealed now.
func (c *Catalog) Sealed(ctx context.Context, seal string, digests ...object.Digest) error {
	return c.db.Update(ctx, func(tx *sqldb.Tx) error {
		for _, d := range digests {
			if _, err := tx.Exec(ctx, `UPDATE objects SET seal = ? WHERE digest = ?`, seal, d.String()); err != nil {
				return sqldb.Wrap(err, "noting a seal")
			}
		}
		return nil
	})
}
