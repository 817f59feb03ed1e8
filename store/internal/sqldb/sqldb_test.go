package sqldb

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/cineloop/cineloop/internal/fault"
)

var ctx = context.Background()

func open(t *testing.T) *DB {
	t.Helper()
	db, err := Open(ctx, "sqlite://"+filepath.Join(t.TempDir(), "x.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func TestQ(t *testing.T) {
	pg, lite := &DB{Dialect: PostgreSQL}, &DB{Dialect: SQLite}
	const q = "SELECT a FROM t WHERE b = ? AND c IN (?, ?)"
	for range 2 { // the second time from memory
		if got := pg.Q(q); got != "SELECT a FROM t WHERE b = $1 AND c IN ($2, $3)" {
			t.Error(got)
		}
	}
	if got := lite.Q(q); got != q {
		t.Error(got)
	}
	if got := Marks(3); got != "(?, ?, ?)" {
		t.Error(got)
	}
}

func TestMigrateStepByStep(t *testing.T) {
	db := open(t)
	dir := fstest.MapFS{
		"00001_a.sql": {Data: []byte("CREATE TABLE a (x {{text}}, y {{bytes}});\nINSERT INTO a VALUES ('1', x'00');\n")},
		"00002_b.sql": {Data: []byte("ALTER TABLE a ADD COLUMN z BIGINT NOT NULL DEFAULT 7;")},
	}
	if err := db.Migrate(ctx, "t", dir, 1); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := db.Migrate(ctx, "t", dir, 0); err != nil {
			t.Fatal(err)
		}
	}
	var z int
	if err := db.Read.QueryRow("SELECT z FROM a").Scan(&z); z != 7 || err != nil {
		t.Error(z, err)
	}
	// A step that fails leaves nothing of itself.
	dir["00003_c.sql"] = &fstest.MapFile{Data: []byte("CREATE TABLE c (x BIGINT);\nCREATE TABLE a (x BIGINT);")}
	if err := db.Migrate(ctx, "t", dir, 0); err == nil {
		t.Error("a broken step passed")
	}
	var n int
	if err := db.Read.QueryRow("SELECT COUNT(*) FROM sqlite_master WHERE name = 'c'").Scan(&n); n != 0 || err != nil {
		t.Error(n, err)
	}
	delete(dir, "00003_c.sql")
	delete(dir, "00002_b.sql")
	if err := db.Migrate(ctx, "t", dir, 0); fault.CodeOf(err) != fault.Conflict {
		t.Errorf("a schema from the future: %v", err)
	}
}

func TestUpdate(t *testing.T) {
	db := open(t)
	if _, err := db.Write.Exec("CREATE TABLE a (x BIGINT)"); err != nil {
		t.Fatal(err)
	}
	boom := errors.New("boom")
	if err := db.Update(ctx, func(tx *Tx) error {
		if _, err := tx.Exec(ctx, "INSERT INTO a VALUES (?)", 1); err != nil {
			return err
		}
		return boom
	}); !errors.Is(err, boom) {
		t.Error(err)
	}
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			if err := db.Update(ctx, func(tx *Tx) error {
				_, err := tx.Exec(ctx, "INSERT INTO a VALUES (?)", i)
				return err
			}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if err := db.Snapshot(ctx, func(tx *Tx) error {
		var n int
		if err := tx.QueryRow(ctx, "SELECT COUNT(*) FROM a").Scan(&n); err != nil || n != 20 {
			t.Error(n, err)
		}
		if _, err := tx.Exec(ctx, "DELETE FROM a"); err == nil {
			t.Error("a snapshot was written to")
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	if err := Wrap(nil, "x"); err != nil {
		t.Error(err)
	}
}
