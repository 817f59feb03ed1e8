package queue_test

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/cineloop/cineloop/internal/storetest"
	"github.com/cineloop/cineloop/store/queue"
)

// TestClockGoesBack: tasks that a clock running a day ahead has written are not kept waiting for it.
func TestClockGoesBack(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for driver, place := range map[string]func(t *testing.T) string{
		"sqlite": func(t *testing.T) string { return filepath.Join(t.TempDir(), "q.db") }, "pgx": func(t *testing.T) string { return storetest.Postgres(t) },
	} {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			location := place(t)
			q, err := queue.Open(ctx, location, queue.Options{Topic: "test", Lease: time.Minute, Attempts: 3})
			if err != nil {
				t.Fatal(err)
			}
			defer q.Close()
			for _, k := range []string{"fresh", "pausing", "leased"} {
				if n, err := q.Push(ctx, queue.Task{Key: k}); n != 1 || err != nil {
					t.Fatal(n, err)
				}
			}
			db, err := sql.Open(driver, location)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			ahead := time.Now().Add(24 * time.Hour).UnixMilli()
			for k, set := range map[string]string{"fresh": "attempt = 0", "pausing": "attempt = 1", "leased": "attempt = 1, state = 'leased'"} {
				if _, err := db.Exec(fmt.Sprintf("UPDATE tasks SET due = %d, changed = %d, %s WHERE key = '%s'", ahead, ahead, set, k)); err != nil {
					t.Fatal(err)
				}
			}
			if s, err := q.Stats(ctx); s.Ready != 3 || s.Pending != 0 || err != nil {
				t.Errorf("%+v, %v", s, err)
			}
			list, err := q.Pull(ctx, 5)
			if err != nil || len(list) != 3 {
				t.Fatalf("%+v, %v", list, err)
			}
			for _, d := range list {
				if want := map[string]int{"fresh": 1, "pausing": 2, "leased": 2}[d.Key]; d.Attempt != want {
					t.Errorf("%s: attempt %d, want %d", d.Key, d.Attempt, want)
				}
				if err := q.Done(ctx, d); err != nil {
					t.Error(err)
				}
			}
			if again, err := q.Pull(ctx, 5); len(again) != 0 || err != nil {
				t.Errorf("%+v, %v", again, err)
			}
		})
	}
}
