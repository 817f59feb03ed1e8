package catalog

import (
	"context"
	"database/sql"
	"embed"
	"io/fs"
	"time"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/store/internal/sqldb"
	"github.com/cineloop/cineloop/store/object"
)

//go:embed schema/*.sql
var schemaFiles embed.FS

// RuleFirst chooses the attributes of patient, study and series: the first non-empty value received stands.
const RuleFirst = "first-value/1"

// Instance is one SOP instance as it is kept.
type Instance struct {
	StudyUID, SeriesUID, SOPInstanceUID string
	SOPClassUID, TransferSyntaxUID      string

	Digest object.Digest // of the kept bytes, its address in the object store
	Size   int64         // bytes
	// DataSet is a digest of the data set without its file meta information; the zero value is "not known". Two files that differ
	// in their meta information alone are duplicates, not conflicts.
	DataSet object.Digest

	// Attributes by DICOM keyword, decoded, values joined by a backslash: those of the patient, study and series too.
	Attributes map[string]string
	Provenance
}

// Provenance says how a record came to be.
type Provenance struct {
	Run      string    // the ingest run or association
	Origin   string    // path, URL or application entity title it came from
	Rules    string    // name and version of the rules that read it, as "ingest/1"
	Received time.Time // to the millisecond
}

// Catalog is an open catalog. All methods may be called from many goroutines.
type Catalog struct {
	db     *sqldb.DB
	group  *group
	stands *sql.Stmt // asked for every instance that comes in
}

// Open opens the catalog at a URL (postgres://…, sqlite:///file or a plain path) and brings its schema up to date.
func Open(ctx context.Context, location string) (*Catalog, error) { return openAt(ctx, location, 0) }

func openAt(ctx context.Context, location string, version int64) (*Catalog, error) {
	db, err := sqldb.Open(ctx, location)
	if err != nil {
		return nil, err
	}
	dir, err := fs.Sub(schemaFiles, "schema")
	if err != nil {
		return nil, err
	}
	if err := db.Migrate(ctx, "catalog", dir, version); err != nil {
		db.Close()
		return nil, err
	}
	c := &Catalog{db: db}
	if c.stands, err = db.Read.PrepareContext(ctx, db.Q(`SELECT digest FROM instances WHERE sop_instance_uid = ? AND variant = 0`)); err != nil {
		db.Close()
		return nil, err
	}
	c.group = newGroup(c)
	return c, nil
}

// Close ends the catalog; waiting Adds are finished first.
func (c *Catalog) Close() error {
	c.group.stop()
	return c.db.Close()
}

// Check looks for damage in the database itself: SQLite's integrity_check. PostgreSQL guards its pages by its own checksums.
func (c *Catalog) Check(ctx context.Context) error {
	if c.db.Dialect != sqldb.SQLite {
		return nil
	}
	var answer string
	if err := c.db.Read.QueryRowContext(ctx, `PRAGMA integrity_check(1)`).Scan(&answer); err != nil {
		return fault.New(fault.Input, "checking the catalog: %w", err).WithHint("restore the catalog from a backup, or rebuild it with cineloop archive repair")
	}
	if answer != "ok" {
		return fault.New(fault.Input, "the catalog's database is damaged").WithHint("restore the catalog from a backup, or rebuild it with cineloop archive repair")
	}
	return nil
}

// Check refuses an instance that could not be found again: without UIDs, or without a content.
func (in *Instance) Check() error {
	for _, f := range []struct{ name, uid string }{
		{"StudyInstanceUID", in.StudyUID}, {"SeriesInstanceUID", in.SeriesUID}, {"SOPInstanceUID", in.SOPInstanceUID}, {"SOPClassUID", in.SOPClassUID},
	} {
		if f.uid == "" {
			return fault.New(fault.Input, "the instance has no %s", f.name)
		}
	}
	if in.Digest == (object.Digest{}) {
		return fault.New(fault.Internal, "an instance without a digest")
	}
	return nil
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func moment(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
