package catalog

import (
	"context"
	"encoding/json"
	"time"

	"github.com/cineloop/cineloop/store/internal/sqldb"
	"github.com/cineloop/cineloop/store/object"
)

// Run is one ingest: what was read, by which rules, and with what result.
type Run struct {
	ID, Source, Rules string
	Started, Finished time.Time
	Summary           map[string]any
}

// SaveRun records a run, or its new state.
func (c *Catalog) SaveRun(ctx context.Context, r Run) error {
	summary, err := json.Marshal(r.Summary)
	if err != nil {
		return err
	}
	return c.db.Update(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO runs (run, source, rules, started, finished, summary) VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT (run) DO UPDATE SET finished = excluded.finished, summary = excluded.summary`,
			cleanText(r.ID), cleanText(r.Source), r.Rules, millis(r.Started), millis(r.Finished), string(summary))
		return sqldb.Wrap(err, "recording a run")
	})
}

// Runs lists the runs, newest first.
func (c *Catalog) Runs(ctx context.Context) ([]Run, error) {
	return all(each(ctx, c.db, func(scan func(...any) error) (r Run, err error) {
		var started, finished int64
		var summary string
		if err = scan(&r.ID, &r.Source, &r.Rules, &started, &finished, &summary); err != nil {
			return r, err
		}
		r.Started, r.Finished = moment(started), moment(finished)
		return r, json.Unmarshal([]byte(summary), &r.Summary)
	}, `SELECT run, source, rules, started, finished, summary FROM runs ORDER BY started DESC, run`))
}

// Seen is a file that an earlier run dealt with; while its size and time of change are the same it need not be read again.
// It is forgotten when the content is retired, released from quarantine, or found damaged.
type Seen struct {
	Origin   string
	Size     int64
	Modified time.Time // to the millisecond
	Outcome  string
	Reason   string
	Digest   object.Digest // of the content that the archive has for it; zero if it has none
	Run      string
}

// Remember notes files as dealt with.
func (c *Catalog) Remember(ctx context.Context, seen []Seen) error {
	return c.db.Update(ctx, func(tx *sqldb.Tx) error {
		for _, s := range seen {
			if _, err := tx.Exec(ctx, `INSERT INTO seen (origin, size, modified, outcome, reason, digest, run) VALUES (?, ?, ?, ?, ?, ?, ?)
				ON CONFLICT (origin) DO UPDATE SET size = excluded.size, modified = excluded.modified, outcome = excluded.outcome,
				reason = excluded.reason, digest = excluded.digest, run = excluded.run`,
				cleanText(s.Origin), s.Size, millis(s.Modified), s.Outcome, cleanText(s.Reason), digestText(s.Digest), cleanText(s.Run)); err != nil {
				return sqldb.Wrap(err, "noting a file as seen")
			}
		}
		return nil
	})
}

// SeenUnder gives what was dealt with under a prefix of origins, by origin.
func (c *Catalog) SeenUnder(ctx context.Context, prefix string) (map[string]Seen, error) {
	out := map[string]Seen{}
	for s, err := range each(ctx, c.db, func(scan func(...any) error) (s Seen, err error) {
		var ms int64
		var digest string
		if err = scan(&s.Origin, &s.Size, &ms, &s.Outcome, &s.Reason, &digest, &s.Run); err == nil && digest != "" {
			s.Digest, err = object.ParseDigest(digest)
		}
		s.Modified = moment(ms)
		return s, err
	}, `SELECT origin, size, modified, outcome, reason, digest, run FROM seen WHERE origin LIKE ? ESCAPE '\'`, escapeLike(cleanText(prefix))+"%") {
		if err != nil {
			return nil, err
		}
		out[s.Origin] = s
	}
	return out, nil
}
