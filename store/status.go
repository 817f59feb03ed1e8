package store

import (
	"context"
	"time"

	"github.com/cineloop/cineloop/store/catalog"
)

// Status is an archive in numbers.
type Status struct {
	Patients  int `json:"patients"`
	Studies   int `json:"studies"`
	Series    int `json:"series"`
	Instances int `json:"instances"`

	Contents   int64 `json:"contents"`
	Bytes      int64 `json:"bytes"`
	Quota      int64 `json:"quota"`      // bytes; 0: no limit
	QuotaCount int64 `json:"quotaCount"` // contents; 0: no limit

	Quarantined int `json:"quarantined"`
	Conflicts   int `json:"conflicts"` // contents beside the one that stands
	Held        int `json:"held"`      // studies on hold
	Damaged     int `json:"damaged"`   // by the last verify
	Missing     int `json:"missing"`
	Garbage     int `json:"garbage"`  // contents that gc removes
	Unsealed    int `json:"unsealed"` // contents that are not sealed for the archive's recipients; 0 without any

	LastRun *time.Time `json:"lastRun"` // when the last ingest ended; null: never
}

// Status counts.
func (a *Archive) Status(ctx context.Context) (Status, error) {
	s := Status{Quota: a.cfg.Quota, QuotaCount: a.cfg.QuotaCount}
	for level, n := range map[catalog.Level]*int{catalog.Patient: &s.Patients, catalog.Study: &s.Studies, catalog.Series: &s.Series, catalog.Image: &s.Instances} {
		var err error
		if *n, err = a.Catalog.Count(ctx, catalog.Query{Level: level}); err != nil {
			return s, err
		}
	}
	var err error
	if s.Bytes, s.Contents, err = a.Catalog.Usage(ctx); err != nil {
		return s, err
	}
	t, err := a.Catalog.Tally(ctx)
	if err != nil {
		return s, err
	}
	s.Quarantined, s.Conflicts, s.Held, s.Damaged, s.Missing, s.Garbage = t.Quarantined, t.Conflicts, t.Held, t.Damaged, t.Missing, t.Garbage
	if !t.LastRun.IsZero() {
		s.LastRun = &t.LastRun
	}
	if a.seal != "" {
		s.Unsealed, err = a.Catalog.CountSealedOther(ctx, a.seal)
	}
	return s, err
}
