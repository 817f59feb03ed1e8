package catalog

import (
	"context"
	"iter"

	"github.com/cineloop/cineloop/store/internal/sqldb"
	"github.com/cineloop/cineloop/store/object"
)

// Quarantine is a content that was kept although nobody could describe it. Reason never holds patient data.
type Quarantine struct {
	Digest object.Digest
	Size   int64
	Code   string // the fault code of the reason
	Reason string
	Provenance
}

func (c *Catalog) addQuarantine(ctx context.Context, tx *sqldb.Tx, q *Quarantine, seal string) (Outcome, error) {
	if err := addObject(ctx, tx, q.Digest, q.Size, millis(q.Received), seal); err != nil {
		return Outcome{}, err
	}
	res, err := tx.Exec(ctx, `INSERT INTO quarantine (digest, size, code, reason, run, origin, rules, received) VALUES `+sqldb.Marks(8)+
		` ON CONFLICT (digest) DO NOTHING`,
		q.Digest.String(), q.Size, q.Code, q.Reason, q.Run, q.Origin, q.Rules, millis(q.Received))
	if err != nil {
		return Outcome{}, sqldb.Wrap(err, "recording in quarantine")
	}
	out := Outcome{Status: Quarantined, Known: q.Digest}
	if n, err := res.RowsAffected(); err == nil && n == 0 {
		out.Status = Duplicate
	}
	return out, nil
}

// Quarantined lists the quarantine, oldest first.
func (c *Catalog) Quarantined(ctx context.Context) iter.Seq2[Quarantine, error] {
	return each(ctx, c.db, func(scan func(...any) error) (q Quarantine, err error) {
		var digest string
		var ms int64
		if err = scan(&digest, &q.Size, &q.Code, &q.Reason, &q.Run, &q.Origin, &q.Rules, &ms); err != nil {
			return q, err
		}
		q.Received = moment(ms)
		q.Digest, err = object.ParseDigest(digest)
		return q, err
	}, `SELECT digest, size, code, reason, run, origin, rules, received FROM quarantine ORDER BY received, digest`)
}

// Release takes a content out of quarantine; its bytes are garbage then, unless an instance refers to them.
func (c *Catalog) Release(ctx context.Context, d object.Digest) error {
	return c.db.Update(ctx, func(tx *sqldb.Tx) error {
		if err := forget(ctx, tx, d); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `DELETE FROM quarantine WHERE digest = ?`, d.String())
		return sqldb.Wrap(err, "releasing from quarantine")
	})
}

// forget makes the next ingest read the sources of a content again.
func forget(ctx context.Context, tx *sqldb.Tx, d object.Digest) error {
	_, err := tx.Exec(ctx, `DELETE FROM seen WHERE digest = ?`, d.String())
	return sqldb.Wrap(err, "forgetting seen files")
}
