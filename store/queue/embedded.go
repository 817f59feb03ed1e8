package queue

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/hold"
)

// openEmbedded runs a JetStream server in this process, on no port, with every write synced. One process at a time can have a folder.
func openEmbedded(ctx context.Context, dir string, opts Options) (Queue, error) {
	if dir == "" {
		return nil, fault.New(fault.Usage, "nats+dir:// needs a folder")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fault.New(fault.NotFound, "opening the queue: %w", err)
	}
	lock, err := hold.File(filepath.Join(dir, "lock"))
	if errors.Is(err, hold.ErrHeld) {
		return nil, fault.New(fault.Conflict, "another process has the queue open").WithHint("several processes share a NATS server, PostgreSQL or SQLite")
	}
	if err != nil {
		return nil, err
	}
	srv, err := server.NewServer(&server.Options{
		ServerName: "cineloop", DontListen: true, JetStream: true, StoreDir: dir, SyncAlways: true, NoSigs: true, NoLog: true,
	})
	if err != nil {
		lock.Close()
		return nil, err
	}
	srv.Start()
	stop := func() {
		srv.Shutdown()
		srv.WaitForShutdown()
		lock.Close()
	}
	if !srv.ReadyForConnections(10 * time.Second) {
		stop()
		return nil, fault.New(fault.Resource, "the queue's server does not start")
	}
	conn, err := nats.Connect("", nats.InProcessServer(srv))
	if err != nil {
		stop()
		return nil, err
	}
	q, err := newNATS(ctx, conn, opts, stop)
	if err != nil {
		conn.Close()
		stop()
		return nil, err
	}
	return q, nil
}
