package catalog_test

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

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

// older are rows that a catalog of each schema version can hold, beside those of the versions before.
var older = [][]string{
	{}, {
		`INSERT INTO objects (digest, size, state, added, checked) VALUES ('` + strings.Repeat("ab", 32) + `', 5, 'good', 1, 0), ('` + strings.Repeat("cd", 32) + `', 7, 'good', 1, 0)`,
		`INSERT INTO studies (study_uid, patient_id, patient_name, birth_date, sex, study_date, study_time, accession_number,
			attrs, first_received, last_received) VALUES ('1.9', 'P', 'Doe^Jane', '', '', '20200101', '', '', '{"PatientName":"Doe^Jane"}', 1, 1)`,
		`INSERT INTO series (study_uid, series_uid, modality, series_number, attrs) VALUES ('1.9', '1.9.1', 'US', 1, '{"Modality":"US"}')`,
		`INSERT INTO instances (sop_instance_uid, variant, study_uid, series_uid, sop_class_uid, transfer_syntax_uid, digest, data_set, size, instance_number,
			attrs, run, origin, rules, received) VALUES ('1.9.1.1', 0, '1.9', '1.9.1', '1.2', '1.2.1', '` + strings.Repeat("ab", 32) + `', '', 5, 1, '{}', 'r', '/o', 'ingest/1', 1)`,
		`INSERT INTO disagreements (study_uid, series_uid, keyword, kept, other, sop_instance_uid, rule) VALUES ('1.9', '', 'PatientID', 'P', 'Q', '1.9.1.1', 'first-value/1')`,
	}, {
		`INSERT INTO quarantine (digest, size, code, reason, run, origin, rules, received) VALUES ('` + strings.Repeat("cd", 32) + `', 7, 'input', 'why', 'r', '/q', 'ingest/1', 1)`,
		`INSERT INTO runs (run, source, rules, started, finished, summary) VALUES ('r', '/', 'ingest/1', 1, 2, '{"found":2}')`,
		`INSERT INTO seen (origin, size, modified, outcome, reason, digest, run) VALUES ('/o', 5, 1, 'stored', '', '` + strings.Repeat("ab", 32) + `', 'r')`,
	}, {
		`UPDATE studies SET hold = 'trial', name_key = 'DOE^JANE'`,
		`INSERT INTO retired (study_uid, at, instances, reason) VALUES ('1.8', 1, 3, 'time')`,
	},
}

// TestOlderSchema opens catalogs of every schema version so far with rows of every table in them: all are there afterwards, in the
// current form, and the catalog works.
func TestOlderSchema(t *testing.T) {
	ctx := context.Background()
	for name, place := range map[string]func(t *testing.T) string{
		"sqlite":   func(t *testing.T) string { return filepath.Join(t.TempDir(), "c.db") },
		"postgres": func(t *testing.T) string { return storetest.Postgres(t) },
	} {
		for version := 1; version < len(older); version++ {
			t.Run(fmt.Sprint(name, " ", version), func(t *testing.T) {
				location := place(t)
				if err := catalog.OpenAt(ctx, location, int64(version)); err != nil {
					t.Fatal(err)
				}
				for _, rows := range older[:version+1] {
					for _, statement := range rows {
						exec(t, name, location, statement)
					}
				}
				c := open(t, location)
				got, err := c.Find(ctx, catalog.Query{Level: catalog.Image, Match: []catalog.Match{{Keyword: "PatientName", Fuzzy: "jane"}, {Keyword: "Modality", OneOf: []string{"US"}}}})
				if err != nil || len(got) != 1 || got[0].SOPInstanceUID != "1.9.1.1" || got[0].Instance.Origin != "/o" {
					t.Errorf("%+v, %v", got, err)
				}
				var export bytes.Buffer
				if err := c.Export(ctx, &export); err != nil {
					t.Fatal(err)
				}
				want := map[int]int{1: 6, 2: 9, 3: 10}[version] // the rows above
				if n := strings.Count(export.String(), "\n") - 2; n != want {
					t.Errorf("%d rows after the migration, want %d\n%s", n, want, export.String())
				}
				if version >= 3 {
					if err := c.Retire(ctx, "1.9", "", time.Now()); fault.CodeOf(err) != fault.Conflict {
						t.Errorf("the hold is gone: %v", err)
					}
				}
				if n, err := c.CountSealedOther(ctx, "x"); n != 2 || err != nil {
					t.Errorf("%d contents to seal, %v", n, err)
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
}

// TestOlderExport reads an export that was written before contents had seals, and refuses what it does not know.
func TestOlderExport(t *testing.T) {
	ctx := context.Background()
	object := `{"table":"objects","row":["` + strings.Repeat("ab", 32) + `",5,"good",1,0]}`
	for _, c := range []struct {
		text string
		ok   bool
	}{
		{`{"form":"cineloop-catalog/3"}` + "\n" + object + "\n" + `{"rows":1}`, true},
		{`{"form":"cineloop-catalog/99"}` + "\n" + object + "\n" + `{"rows":1}`, false},
		{`{"form":"cineloop-catalog/4"}` + "\n" + `{"table":"objects","row":[1,2,3,4,5,6,7]}` + "\n" + `{"rows":1}`, false},
		{`{"form":"cineloop-catalog/4"}` + "\n" + `{"table":"objects","row":[]}` + "\n" + `{"rows":1}`, false},
		{`{"form":"cineloop-catalog/4"}` + "\n" + object + "\n" + `{"rows":2}`, false},
		{`{"form":"cineloop-catalog/4"}` + "\n" + object, false},
		{``, false},
	} {
		l := sqlite(t)
		err := l.Import(ctx, strings.NewReader(c.text+"\n"))
		_, n, uerr := l.Usage(ctx)
		if (err == nil) != c.ok || uerr != nil || (n == 1) != c.ok || err != nil && fault.CodeOf(err) != fault.Input {
			t.Errorf("%s: %v, %d contents", c.text, err, n)
		}
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
