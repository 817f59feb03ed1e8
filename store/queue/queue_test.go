package queue_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/queuetest"
	"github.com/cineloop/cineloop/internal/storetest"
	"github.com/cineloop/cineloop/store/queue"
	"github.com/cineloop/cineloop/store/queue/natstest"
)

func TestMain(m *testing.M) { queuetest.Main(m, storetest.Main) }

func TestSQLite(t *testing.T) {
	t.Parallel()
	queuetest.Queue(t, func(t *testing.T) string { return filepath.Join(t.TempDir(), "q.db") })
}

func TestPostgreSQL(t *testing.T) {
	t.Parallel()
	storetest.Postgres(t) // skips here, once, where there is no server
	queuetest.Queue(t, func(t *testing.T) string { return storetest.Postgres(t) })
}

func TestNATSInside(t *testing.T) {
	t.Parallel()
	queuetest.Queue(t, func(t *testing.T) string { return "nats+dir://" + t.TempDir() })
}

// TestNATSOutside talks to a server over TCP, as to one on another machine.
func TestNATSOutside(t *testing.T) {
	t.Parallel()
	queuetest.Queue(t, func(t *testing.T) string { return natstest.Server(t) })
}

func TestOpenRefuses(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	q, err := queue.Open(ctx, "nats+dir://"+dir, queue.Options{Topic: "a"})
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	for i, c := range []struct {
		location, topic string
		code            fault.Code
	}{
		{"nats+dir://" + dir, "a", fault.Conflict},
		{"nats+dir://", "a", fault.Usage},
		{"nats://127.0.0.1:1", "a", fault.Missing},
		{"kafka://x", "a", fault.Usage},
		{filepath.Join(dir, "q.db"), "A.b", fault.Usage},
		{filepath.Join(dir, "q.db"), "", fault.Usage},
	} {
		if _, err := queue.Open(ctx, c.location, queue.Options{Topic: c.topic}); fault.CodeOf(err) != c.code {
			t.Errorf("%d: %v, want %s", i, err, c.code)
		}
	}
}

func TestPauseDoubles(t *testing.T) {
	got := fmt.Sprint(queue.Pauses(queue.Options{Pause: time.Second}, 1, 2, 3, 4, 13, 100))
	if want := "[1s 2s 4s 8s 1h0m0s 1h0m0s]"; got != want {
		t.Errorf("pauses %s, want %s", got, want)
	}
}
