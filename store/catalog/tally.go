package catalog

import (
	"context"
	"time"

	"github.com/cineloop/cineloop/store/internal/sqldb"
)

// Tally counts what somebody may have to look at.
type Tally struct {
	Quarantined, Conflicts, Held, Damaged, Missing, Garbage int

	LastRun time.Time // when it ended; zero: none
}

// Tally counts, at one moment.
func (c *Catalog) Tally(ctx context.Context) (t Tally, err error) {
	var last int64
	err = c.db.Read.QueryRowContext(ctx, `SELECT
		(SELECT COUNT(*) FROM quarantine), (SELECT COUNT(*) FROM instances WHERE variant > 0), (SELECT COUNT(*) FROM studies WHERE hold <> ''),
		(SELECT COUNT(*) FROM objects WHERE state = 'damaged'), (SELECT COUNT(*) FROM objects WHERE state = 'missing'),
		(SELECT COUNT(*) FROM objects o WHERE `+unreferenced+`), (SELECT COALESCE(MAX(finished), 0) FROM runs)`).
		Scan(&t.Quarantined, &t.Conflicts, &t.Held, &t.Damaged, &t.Missing, &t.Garbage, &last)
	t.LastRun = moment(last)
	return t, sqldb.Wrap(err, "counting in the catalog")
}

// Holds gives the studies on hold with their reasons.
func (c *Catalog) Holds(ctx context.Context) (map[string]string, error) {
	out := map[string]string{}
	for h, err := range each(ctx, c.db, func(scan func(...any) error) (h [2]string, err error) {
		err = scan(&h[0], &h[1])
		return h, err
	}, `SELECT study_uid, hold FROM studies WHERE hold <> ''`) {
		if err != nil {
			return nil, err
		}
		out[h[0]] = h[1]
	}
	return out, nil
}
