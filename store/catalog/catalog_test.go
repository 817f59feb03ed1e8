package catalog_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/storetest"
	"github.com/cineloop/cineloop/store/catalog"
)

func TestMain(m *testing.M) { storetest.Main(m) }

func open(t *testing.T, location string) *catalog.Catalog {
	t.Helper()
	c, err := catalog.Open(context.Background(), location)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func sqlite(t *testing.T) *catalog.Catalog { return open(t, filepath.Join(t.TempDir(), "a b?.db")) }

func TestSQLite(t *testing.T) { storetest.Catalog(t, sqlite) }

func TestPostgreSQL(t *testing.T) {
	storetest.Postgres(t) // skips here, once, where there is no server
	storetest.Catalog(t, func(t *testing.T) *catalog.Catalog { return open(t, storetest.Postgres(t)) })
}

// TestMoving: a catalog moves from SQLite to PostgreSQL and back without loss.
func TestMoving(t *testing.T) {
	lite, pg, back := sqlite(t), open(t, storetest.Postgres(t)), sqlite(t)
	storetest.Fill(t, lite)
	storetest.Same(t, lite, pg)
	storetest.Same(t, pg, back)
}

// TestOlderSchema opens catalogs left by schema version 1 with a study in them.
func TestOlderSchema(t *testing.T) {
	ctx := context.Background()
	for name, place := range map[string]func(t *testing.T) string{
		"sqlite":   func(t *testing.T) string { return filepath.Join(t.TempDir(), "c.db") },
		"postgres": func(t *testing.T) string { return storetest.Postgres(t) },
	} {
		t.Run(name, func(t *testing.T) {
			location := place(t)
			if err := catalog.OpenAt(ctx, location, 1); err != nil {
				t.Fatal(err)
			}
			exec(t, name, location, `INSERT INTO studies (study_uid, patient_id, patient_name, birth_date, sex, study_date, study_time, accession_number,
				attrs, first_received, last_received) VALUES ('1.9', 'P', 'Doe^Jane', '', '', '20200101', '', '', '{"PatientName":"Doe^Jane"}', 1, 1)`)
			c := open(t, location)
			got, err := c.Find(ctx, catalog.Query{Level: catalog.Study, Match: []catalog.Match{{Keyword: "PatientName", Fuzzy: "jane"}}})
			if err != nil || len(got) != 1 || got[0].StudyUID != "1.9" {
				t.Errorf("%+v, %v", got, err)
			}
			storetest.Fill(t, c)
			c.Close()
			exec(t, name, location, `INSERT INTO catalog_versions (version_id, is_applied) VALUES (99, `+map[string]string{"sqlite": "1", "postgres": "true"}[name]+`)`)
			if _, err := catalog.Open(ctx, location); fault.CodeOf(err) != fault.Conflict {
				t.Errorf("a schema from the future: %v", err)
			}
		})
	}
}

func exec(t *testing.T, dialect, location, statement string) {
	t.Helper()
	db, err := sql.Open(map[string]string{"sqlite": "sqlite", "postgres": "pgx"}[dialect], location)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(statement); err != nil {
		t.Fatal(err)
	}
}

func TestOpenRefuses(t *testing.T) {
	for location, code := range map[string]fault.Code{
		"mysql://x": fault.Usage, "": fault.Usage, filepath.Join(t.TempDir(), "no", "folder", "c.db"): fault.NotFound,
		"postgres://nobody:secret@127.0.0.1:1/x?connect_timeout=1": fault.Missing,
	} {
		if _, err := catalog.Open(context.Background(), location); fault.CodeOf(err) != code {
			t.Errorf("%q: %v", location, err)
		}
	}
}
