package catalog

import (
	"context"
	"time"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/store/internal/sqldb"
	"github.com/cineloop/cineloop/store/object"
)

// Hold keeps a study from retirement until it is lifted with an empty reason.
func (c *Catalog) Hold(ctx context.Context, studyUID, reason string) error {
	return c.db.Update(ctx, func(tx *sqldb.Tx) error {
		res, err := tx.Exec(ctx, `UPDATE studies SET hold = ? WHERE study_uid = ?`, cleanText(reason), studyUID)
		if err != nil {
			return sqldb.Wrap(err, "holding a study")
		}
		if n, err := res.RowsAffected(); err == nil && n == 0 {
			return fault.New(fault.NotFound, "no such study in the catalog")
		}
		return nil
	})
}

// Retention chooses the studies whose time is over.
type Retention struct {
	ReceivedBefore time.Time // nothing of the study came after this
	StudyBefore    string    // StudyDate, YYYYMMDD; studies without a date stay; "" is any date
	Reason         string    // noted with each study
}

// Expired lists the studies that a retention would retire; those on hold are left out.
func (c *Catalog) Expired(ctx context.Context, r Retention) ([]string, error) {
	if r.ReceivedBefore.IsZero() && r.StudyBefore == "" {
		return nil, fault.New(fault.Usage, "a retention without a limit would retire everything")
	}
	received := int64(1) << 62
	if !r.ReceivedBefore.IsZero() {
		received = millis(r.ReceivedBefore)
	}
	return all(each(ctx, c.db, func(scan func(...any) error) (uid string, err error) {
		err = scan(&uid)
		return uid, err
	}, `SELECT study_uid FROM studies WHERE hold = '' AND last_received < ? AND (? = '' OR (study_date <> '' AND study_date < ?)) ORDER BY study_uid`,
		received, r.StudyBefore, r.StudyBefore))
}

// Retire takes a study with all its records out of the catalog and notes that it did. Its contents are garbage afterwards.
func (c *Catalog) Retire(ctx context.Context, studyUID, reason string, at time.Time) error {
	return c.db.Update(ctx, func(tx *sqldb.Tx) error {
		var hold string
		var n int64
		err := tx.QueryRow(ctx, `SELECT hold, (SELECT COUNT(*) FROM instances i WHERE i.study_uid = s.study_uid) FROM studies s WHERE study_uid = ?`,
			studyUID).Scan(&hold, &n)
		if notFound(err) {
			return fault.New(fault.NotFound, "no such study in the catalog")
		}
		if err != nil {
			return sqldb.Wrap(err, "retiring a study")
		}
		if hold != "" {
			return fault.New(fault.Conflict, "the study is on hold")
		}
		for _, s := range []string{
			`DELETE FROM seen WHERE digest IN (SELECT digest FROM instances WHERE study_uid = ?)`,
			`DELETE FROM disagreements WHERE study_uid = ?`, `DELETE FROM instances WHERE study_uid = ?`,
			`DELETE FROM series WHERE study_uid = ?`, `DELETE FROM studies WHERE study_uid = ?`,
		} {
			if _, err := tx.Exec(ctx, s, studyUID); err != nil {
				return sqldb.Wrap(err, "retiring a study")
			}
		}
		_, err = tx.Exec(ctx, `INSERT INTO retired (study_uid, at, instances, reason) VALUES (?, ?, ?, ?)`, studyUID, millis(at), n, cleanText(reason))
		return sqldb.Wrap(err, "noting a retired study")
	})
}

const unreferenced = `NOT EXISTS (SELECT 1 FROM instances i WHERE i.digest = o.digest) AND NOT EXISTS (SELECT 1 FROM quarantine q WHERE q.digest = o.digest)`

// Garbage lists up to limit contents that the catalog knows and no record refers to.
func (c *Catalog) Garbage(ctx context.Context, limit int) ([]Kept, error) {
	return all(each(ctx, c.db, scanKept, `SELECT o.digest, o.size, o.state FROM objects o WHERE `+unreferenced+` ORDER BY o.digest LIMIT ?`, limit))
}

// Reap calls remove for those of the given contents that no record refers to, and forgets them. While it runs no Add can commit, and
// no Add that relied on one of them can commit later without its guard seeing that the content is gone: this is what makes
// collecting garbage safe beside writers, in this and in other processes.
func (c *Catalog) Reap(ctx context.Context, digests []object.Digest, remove func(context.Context, object.Digest) error) (removed int, err error) {
	err = c.db.Update(ctx, func(tx *sqldb.Tx) error {
		removed = 0
		if err := tx.Alone(ctx, "objects"); err != nil {
			return err
		}
		for _, d := range digests {
			var n int
			if err := tx.QueryRow(ctx, `SELECT (SELECT COUNT(*) FROM instances WHERE digest = ?) + (SELECT COUNT(*) FROM quarantine WHERE digest = ?)`,
				d.String(), d.String()).Scan(&n); err != nil {
				return err
			}
			if n > 0 {
				continue
			}
			if err := remove(ctx, d); err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, `DELETE FROM objects WHERE digest = ?`, d.String()); err != nil {
				return err
			}
			removed++
		}
		return nil
	})
	return removed, sqldb.Wrap(err, "collecting garbage")
}
