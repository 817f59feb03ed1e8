package store

import (
	"context"
	"time"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/store/catalog"
)

// Retain retires the studies whose time is over and returns their StudyInstanceUIDs; with dry it only says which. Their contents are
// removed by the next Collect. Studies on hold stay.
func (a *Archive) Retain(ctx context.Context, r catalog.Retention, dry bool) ([]string, error) {
	uids, err := a.Catalog.Expired(ctx, r)
	if err != nil || dry {
		return uids, err
	}
	done := uids[:0:0]
	for _, uid := range uids {
		err := a.Catalog.Retire(ctx, uid, r.Reason, time.Now())
		if code := fault.CodeOf(err); err != nil && (code == fault.NotFound || code == fault.Conflict) {
			continue // gone, or put on hold, since the list was made
		}
		if err != nil {
			return done, err
		}
		done = append(done, uid)
	}
	return done, nil
}
