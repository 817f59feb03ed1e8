package catalog

import (
	"context"
	"iter"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/store/internal/sqldb"
	"github.com/cineloop/cineloop/store/object"
)

// Variant is one of the contents under a SOPInstanceUID. Number 0 stands for the instance; others are conflicts.
type Variant struct {
	Instance
	Number int
}

// Lookup gives the instance that stands under a SOPInstanceUID, with code fault.NotFound where there is none.
func (c *Catalog) Lookup(ctx context.Context, sopInstanceUID string) (Instance, error) {
	row := c.db.Read.QueryRowContext(ctx, c.db.Q(`SELECT `+instanceColumns+instanceTables+`WHERE i.sop_instance_uid = ? AND i.variant = 0`), sopInstanceUID)
	v, err := scanInstance(row.Scan)
	if notFound(err) {
		return Instance{}, fault.New(fault.NotFound, "no such instance in the catalog")
	}
	return v.Instance, sqldb.Wrap(err, "reading the catalog")
}

// Stands gives the digest of the content that stands under a SOPInstanceUID; ok is false where there is none.
func (c *Catalog) Stands(ctx context.Context, sopInstanceUID string) (d object.Digest, ok bool, err error) {
	var text string
	err = c.stands.QueryRowContext(ctx, sopInstanceUID).Scan(&text)
	if notFound(err) {
		return d, false, nil
	}
	if err == nil {
		d, err = object.ParseDigest(text)
	}
	return d, err == nil, sqldb.Wrap(err, "reading the catalog")
}

// Conflicts lists all contents of all SOPInstanceUIDs that have more than one, in order of UID and number.
func (c *Catalog) Conflicts(ctx context.Context) iter.Seq2[Variant, error] {
	return each(ctx, c.db, scanInstance, `SELECT `+instanceColumns+instanceTables+
		`WHERE i.sop_instance_uid IN (SELECT sop_instance_uid FROM instances WHERE variant > 0) ORDER BY i.sop_instance_uid, i.variant`)
}

// Prefer makes a variant the one that stands; the other takes its number.
func (c *Catalog) Prefer(ctx context.Context, sopInstanceUID string, number int) error {
	if number == 0 {
		return nil
	}
	return c.db.Update(ctx, func(tx *sqldb.Tx) error {
		for _, step := range [][2]int{{0, -1}, {number, 0}, {-1, number}} {
			res, err := tx.Exec(ctx, `UPDATE instances SET variant = ? WHERE sop_instance_uid = ? AND variant = ?`, step[1], sopInstanceUID, step[0])
			if err != nil {
				return sqldb.Wrap(err, "choosing a variant")
			}
			if n, err := res.RowsAffected(); err != nil || n != 1 {
				return fault.New(fault.NotFound, "the instance has no variant %d", number)
			}
		}
		return nil
	})
}

// Disagreement is a value of a later instance that differs from the one that stands for its study (SeriesUID empty) or series.
type Disagreement struct {
	StudyUID, SeriesUID string
	Keyword             string
	Kept, Other         string
	SOPInstanceUID      string // the instance that says Other
	Rule                string // by which Kept was kept
}

// Disagreements lists those of one study, or of all with studyUID "".
func (c *Catalog) Disagreements(ctx context.Context, studyUID string) iter.Seq2[Disagreement, error] {
	return each(ctx, c.db, func(scan func(...any) error) (d Disagreement, err error) {
		err = scan(&d.StudyUID, &d.SeriesUID, &d.Keyword, &d.Kept, &d.Other, &d.SOPInstanceUID, &d.Rule)
		return d, err
	}, `SELECT study_uid, series_uid, keyword, kept, other, sop_instance_uid, rule FROM disagreements
		WHERE study_uid = ? OR ? = '' ORDER BY study_uid, series_uid, keyword, other`, studyUID, studyUID)
}

// Kept is one content that the catalog refers to, or has referred to until it is reaped.
type Kept struct {
	Digest object.Digest
	Size   int64
	State  string // "good", "damaged" or "missing"
}

// The states of a kept content.
const (
	Good    = "good"
	Damaged = "damaged"
	Missing = "missing"
)

// Objects lists the contents in order of digest.
func (c *Catalog) Objects(ctx context.Context) iter.Seq2[Kept, error] {
	return each(ctx, c.db, scanKept, `SELECT digest, size, state FROM objects ORDER BY digest`)
}

func scanKept(scan func(...any) error) (k Kept, err error) {
	var digest string
	if err = scan(&digest, &k.Size, &k.State); err != nil {
		return k, err
	}
	k.Digest, err = object.ParseDigest(digest)
	return k, err
}

// Object gives one, with code fault.NotFound where the catalog does not know it.
func (c *Catalog) Object(ctx context.Context, d object.Digest) (Kept, error) {
	k := Kept{Digest: d}
	err := c.db.Read.QueryRowContext(ctx, c.db.Q(`SELECT size, state FROM objects WHERE digest = ?`), d.String()).Scan(&k.Size, &k.State)
	if notFound(err) {
		return k, fault.New(fault.NotFound, "object %s is not in the catalog", d)
	}
	return k, sqldb.Wrap(err, "reading the catalog")
}

// Mark notes what a check of a content found.
func (c *Catalog) Mark(ctx context.Context, d object.Digest, state string, checked int64) error {
	return c.db.Update(ctx, func(tx *sqldb.Tx) error {
		if state != Good {
			if err := forget(ctx, tx, d); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, `UPDATE objects SET state = ?, checked = ? WHERE digest = ?`, state, checked, d.String())
		return sqldb.Wrap(err, "noting a check")
	})
}

// Usage is the sum of the sizes of all contents in bytes, and their number.
func (c *Catalog) Usage(ctx context.Context) (bytes, contents int64, err error) {
	err = c.db.Read.QueryRowContext(ctx, `SELECT CAST(COALESCE(SUM(size), 0) AS BIGINT), COUNT(*) FROM objects`).Scan(&bytes, &contents)
	return bytes, contents, sqldb.Wrap(err, "reading the catalog")
}
